import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SallyportError } from '../../shared/errors.ts'
import { memoryStore } from '../../stores/memory.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { watch } from '../../../test/support/watch.ts'
import type { Store } from '../store.ts'
import { timedStore, type TimedStore } from './timed-store.ts'

const operations: { [Name in keyof TimedStore]: (store: TimedStore) => Promise<unknown> } = {
  init: (store) => store.init({ maxStalenessMs: 1 }),
  read: (store) => store.read(['key']),
  create: (store) => store.create({ key: 'key', value: Uint8Array.of(1), lifetime: { idleMs: 1 } }),
  replace: (store) => store.replace('key', 1, { value: Uint8Array.of(1), bump: false }),
  extend: (store) => store.extend('key', 1),
  take: (store) => store.take('key'),
  remove: (store) => store.remove({ key: 'key' }),
  list: (store) => store.list({ index: 'sid', values: [] }),
  epochs: (store) => store.epochs([]),
  ping: (store) => store.ping(),
}
const names = Object.keys(operations) as (keyof TimedStore)[]

/** A store whose every operation does the same. */
function storeThat(does: () => unknown): Store {
  const store = memoryStore()
  return new Proxy(store, {
    get: (target, name) => (typeof Reflect.get(target, name) === 'function' ? does : Reflect.get(target, name)),
  })
}

for (const name of names) {
  test(`${name} that hangs fails at the timeout and not before`, async () => {
    const clock = manualClock()
    const hanging = timedStore(
      storeThat(() => new Promise(() => {})),
      clock,
      1_000,
    )
    const outcome = watch(operations[name](hanging))
    await clock.advance(999)
    assert.equal(outcome.state, 'pending')
    await clock.advance(1)
    assert.equal(outcome.error, 'ERR_STORE_UNAVAILABLE')
  })

  test(`${name} that fails is unavailable, with the driver’s error as its cause`, async () => {
    const broken = new Error('ECONNRESET')
    const failing = timedStore(
      storeThat(() => Promise.reject(broken)),
      manualClock(),
      1_000,
    )
    await assert.rejects(operations[name](failing), { code: 'ERR_STORE_UNAVAILABLE', cause: broken })
  })
}

test('whoever waited in vain reads which store it was, and for how long', async () => {
  const clock = manualClock()
  const hanging = timedStore(
    storeThat(() => new Promise(() => {})),
    clock,
    250,
  )
  const outcome = assert.rejects(
    hanging.ping(),
    /^StoreUnavailableError: the memory store did not answer within 250 ms$/,
  )
  await clock.advance(250)
  await outcome
})

test('an operation that throws instead of rejecting is unavailable too', async () => {
  const throwing = timedStore(
    storeThat(() => {
      throw new Error('no pool')
    }),
    manualClock(),
    1_000,
  )
  await assert.rejects(throwing.read(['key']), { code: 'ERR_STORE_UNAVAILABLE' })
})

test('an error of ours stays what it is', async () => {
  const closed = new SallyportError('ERR_CLOSED', 'closed')
  const failing = timedStore(
    storeThat(() => Promise.reject(closed)),
    manualClock(),
    1_000,
  )
  await assert.rejects(failing.read(['key']), (error) => error === closed)
})

test('an answer in time is handed on, and leaves no timer behind', async () => {
  const clock = manualClock()
  const store = timedStore(memoryStore({ clock }), clock, 1_000)
  await store.create({ key: 'key', value: Uint8Array.of(7), lifetime: { idleMs: 1_000 } })
  const { entries } = await store.read(['key', 'another'])
  assert.deepEqual([entries[0]?.value, entries[1]], [Uint8Array.of(7), undefined])
  await clock.advance(0)
  assert.equal(clock.pending(), 0)
})

test('a failure after the timeout is nobody’s unhandled rejection', async (t) => {
  const unhandled = t.mock.fn()
  process.once('unhandledRejection', unhandled)
  t.after(() => void process.removeListener('unhandledRejection', unhandled))
  const clock = manualClock()
  let fail = (_: Error): void => {}
  const store = timedStore(
    storeThat(() => new Promise((_, reject) => (fail = reject))),
    clock,
    1_000,
  )
  const outcome = assert.rejects(store.ping(), { code: 'ERR_STORE_UNAVAILABLE' })
  await clock.advance(1_000)
  await outcome
  fail(new Error('too late'))
  await clock.advance(0)
  assert.equal(unhandled.mock.callCount(), 0)
})
