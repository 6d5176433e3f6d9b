import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { batchingStore } from '../../../test/support/batching-store.ts'
import { failingStore } from '../../../test/support/failing-store.ts'
import { recordingLogger, type LogLine } from '../../../test/support/recording-logger.ts'
import { slowOperations } from '../../../test/support/slow-operations.ts'
import { evenRandomness, hour } from '../../../test/support/tiers.ts'
import { watch } from '../../../test/support/watch.ts'
import { wrapStore } from '../../../test/support/wrapped-store.ts'
import { isSallyportError, SallyportError } from '../../shared/errors.ts'
import { memoryStore } from '../../stores/memory.ts'
import { manualClock, type ManualClock } from '../../testing/manual-clock.ts'
import type { Store, WriteOutcome } from '../store.ts'
import { resilientStore, type ResilientStore } from './resilient-store.ts'
import type { SlowOperations } from './slow-operations.ts'

type Operations = Omit<ResilientStore, 'breaker'>

const newEntry = { key: 'key', value: Uint8Array.of(1), lifetime: { idleMs: hour } }

const operations: { [Name in keyof Operations]-?: (store: ResilientStore) => Promise<unknown> } = {
  init: (store) => store.init({ maxStalenessMs: 1 }),
  read: (store) => store.read(['key']),
  create: (store) => store.create(newEntry),
  replace: (store) => store.replace('key', 1, { value: Uint8Array.of(1), bump: false }),
  extend: (store) => store.extend('key', 1),
  writeMany: async (store) => store.writeMany?.([]),
  take: (store) => store.take('key'),
  remove: (store) => store.remove({ key: 'key' }),
  list: (store) => store.list({ index: 'sid', values: [] }),
  epochs: (store) => store.epochs([]),
  ping: (store) => store.ping(),
  stats: (store) => store.stats(),
}
const names = Object.keys(operations) as (keyof Operations)[]

interface World {
  store: ResilientStore
  clock: ManualClock
  slow: SlowOperations
  lines: LogLine[]
}

function over(store: Store, { clock = manualClock(), timeoutMs = 1_000 } = {}): World {
  const { logger, lines } = recordingLogger()
  const slow = slowOperations(clock, 200)
  const options = { clock, randomness: evenRandomness, logger, slow, timeoutMs, onRecovery() {} }
  return { store: resilientStore(store, options), clock, slow, lines }
}

/** A store whose every operation does the same. */
function storeThat(does: () => unknown): Store {
  return new Proxy(batchingStore(memoryStore()), {
    get: (target, name) => (typeof Reflect.get(target, name) === 'function' ? does : Reflect.get(target, name)),
  })
}

const hangs = (): unknown => new Promise(() => {})

/** What came of each of so many reads, one after the other. */
async function codesOf(store: ResilientStore, reads: number): Promise<(string | undefined)[]> {
  const codes: (string | undefined)[] = []
  for (let i = 0; i < reads; i++) {
    await store.read(['key']).then(
      () => codes.push(undefined),
      (error: { code: string }) => codes.push(error.code),
    )
  }
  return codes
}

for (const name of names) {
  test(`${name} that hangs fails at the timeout and not before`, async () => {
    const { store, clock } = over(storeThat(hangs))
    const outcome = watch(operations[name](store))
    await clock.advance(999)
    assert.equal(outcome.state, 'pending')
    await clock.advance(1)
    assert.equal(outcome.error, 'ERR_STORE_UNAVAILABLE')
  })

  test(`${name} that fails is unavailable, with the driver’s error as its cause`, async () => {
    const broken = new Error('ECONNRESET')
    const { store } = over(storeThat(() => Promise.reject(broken)))
    await assert.rejects(operations[name](store), { code: 'ERR_STORE_UNAVAILABLE', cause: broken })
  })

  test(`${name} that throws instead of rejecting is unavailable too`, async () => {
    const { store, clock } = over(
      storeThat(() => {
        throw new Error('no pool')
      }),
    )
    await assert.rejects(operations[name](store), { code: 'ERR_STORE_UNAVAILABLE' })
    assert.equal(clock.pending(), 0)
  })
}

describe('an operation', () => {
  test('that waited in vain says which store it was, and for how long', async () => {
    const { store, clock } = over(storeThat(hangs), { timeoutMs: 250 })
    const outcome = assert.rejects(
      store.ping(),
      /^StoreUnavailableError: the memory store did not answer within 250 ms$/,
    )
    await clock.advance(250)
    await outcome
  })

  test('that fails with an error of ours fails with that very error', async () => {
    const closed = new SallyportError('ERR_CLOSED', 'closed')
    const { store } = over(storeThat(() => Promise.reject(closed)))
    await assert.rejects(store.read(['key']), (error) => error === closed)
  })

  test('that is answered in time hands the answer on, and leaves no timer behind', async () => {
    const clock = manualClock()
    const { store } = over(memoryStore({ clock }), { clock })
    await store.create({ ...newEntry, value: Uint8Array.of(7) })
    const { entries } = await store.read(['key', 'another'])
    const [found, none] = entries
    assert.deepEqual([isSallyportError(found) || found?.value, none], [Uint8Array.of(7), undefined])
    await clock.advance(0)
    assert.equal(clock.pending(), 0)
  })

  test('that is answered twice is answered once', async () => {
    let [answer, fail] = [(_: unknown): void => {}, (_: Error): void => {}]
    const { store } = over(storeThat(() => new Promise((resolve, reject) => ([answer, fail] = [resolve, reject]))))
    const read = store.read(['key'])
    answer({ entries: [undefined], storeNow: 1 })
    fail(new Error('and again'))
    answer({ entries: [undefined], storeNow: 2 })
    assert.equal((await read).storeNow, 1)
  })

  test('that fails after the timeout is nobody’s unhandled rejection', async (t) => {
    const unhandled = t.mock.fn()
    process.once('unhandledRejection', unhandled)
    t.after(() => void process.removeListener('unhandledRejection', unhandled))
    let fail = (_: Error): void => {}
    const { store, clock } = over(storeThat(() => new Promise((_, reject) => (fail = reject))))
    const outcome = assert.rejects(store.ping(), { code: 'ERR_STORE_UNAVAILABLE' })
    await clock.advance(1_000)
    await outcome
    fail(new Error('too late'))
    await clock.advance(0)
    assert.equal(unhandled.mock.callCount(), 0)
  })

  test('that is answered with nonsense is neither absent nor unavailable', async () => {
    const { store } = over(storeThat(async () => ({ entries: [], storeNow: 1 })))
    await assert.rejects(store.read(['key']), { code: 'ERR_STORE_CORRUPT', status: 503 })
  })
})

describe('several writes at once', () => {
  function answering(outcomes: WriteOutcome[]): World {
    return over(Object.assign(Object.create(memoryStore()) as Store, { writeMany: () => Promise.resolve(outcomes) }))
  }
  const writes = ['a', 'b'].map((key) => ({ operation: 'create' as const, entry: { ...newEntry, key } }))

  test('are not offered where the store does not take them', () => {
    assert.equal(over(memoryStore()).store.writeMany, undefined)
  })

  test('of which one fails answer the others, and the error is one of ours', async () => {
    const broken = new Error('deadlock')
    const { store } = answering([{ error: broken }, { reply: { outcome: 'present' } }])
    const [failed, answered] = (await store.writeMany?.(writes)) ?? []
    assert.deepEqual(answered, { reply: { outcome: 'present' } })
    assert.ok(failed !== undefined && 'error' in failed && isSallyportError(failed.error))
    assert.deepEqual([failed.error.code, failed.error.cause], ['ERR_STORE_UNAVAILABLE', broken])
    assert.equal(store.breaker.failures, 0)
  })

  test('that fail altogether are a failure of the store', async () => {
    const { store } = answering([{ error: new Error('cut') }, { error: new Error('cut') }])
    await assert.rejects(store.writeMany!(writes), { code: 'ERR_STORE_UNAVAILABLE' })
    assert.equal(store.breaker.failures, 1)
  })
})

describe('a store that is down at start', () => {
  test('is asked five times, and then not for half a second', async () => {
    let asked = 0
    const { store, clock } = over(storeThat(() => (asked++, Promise.reject(new Error('ECONNREFUSED')))))
    for (let i = 0; i < 20; i++) {
      await assert.rejects(store.init({ maxStalenessMs: 1 }), { code: 'ERR_STORE_UNAVAILABLE' })
    }
    assert.equal(asked, 5)
    await clock.advance(500)
    await assert.rejects(store.init({ maxStalenessMs: 1 }), { code: 'ERR_STORE_UNAVAILABLE' })
    assert.equal(asked, 6)
  })
})

describe('a store that dies', () => {
  test('lets nobody wait any more but one', async () => {
    const clock = manualClock()
    const failing = failingStore(memoryStore({ clock }))
    const { store } = over(failing.store, { clock })
    await store.read(['key'])
    failing.hangAlways()
    const first = Array.from({ length: 5 }, () => watch(store.read(['key'])))
    await clock.advance(1_000)
    assert.ok(first.every(({ error }) => error === 'ERR_STORE_UNAVAILABLE'))
    const next = Array.from({ length: 5 }, () => watch(store.read(['key'])))
    await clock.advance(0)
    assert.deepEqual(
      next.map(({ state }) => state),
      ['pending', 'rejected', 'rejected', 'rejected', 'rejected'],
    )
  })

  test('answers again with the first probe after it was healed', async () => {
    const clock = manualClock()
    const failing = failingStore(memoryStore({ clock }))
    const { store } = over(failing.store, { clock })
    failing.throwAlways()
    await codesOf(store, 5)
    failing.heal()
    assert.deepEqual(await codesOf(store, 1), ['ERR_STORE_UNAVAILABLE'])
    await clock.advance(500)
    assert.deepEqual(await codesOf(store, 3), [undefined, undefined, undefined])
  })

  test('is tried for a removal before anything else is let through', async () => {
    const clock = manualClock()
    const failing = failingStore(memoryStore({ clock }))
    const { store } = over(failing.store, { clock })
    failing.throwAlways()
    await codesOf(store, 5)
    failing.heal()
    await clock.advance(100)
    assert.deepEqual(await codesOf(store, 1), ['ERR_STORE_UNAVAILABLE'])
    assert.equal((await store.remove({ key: 'key' })).removed, 0)
    assert.deepEqual(await codesOf(store, 1), [undefined])
  })
})

describe('a store that answers', () => {
  test('too late is no better than one that does not, whatever it says in the end', async () => {
    const { store, clock } = over(
      storeThat(() => {
        const reply = { entries: [undefined], storeNow: 1 }
        return new Promise((resolve) => void clock.setTimer(() => resolve(reply), 1_100))
      }),
    )
    for (let i = 0; i < 5; i++) {
      void watch(store.read(['key']))
      await clock.advance(1_000)
    }
    assert.equal(store.breaker.state, 'open')
    await clock.advance(150)
    assert.equal(store.breaker.state, 'open')
  })

  test('with errors of its own or with nonsense answers', async () => {
    for (const does of [
      () => Promise.reject(new SallyportError('ERR_CLOSED', 'closed')),
      () => Promise.reject(new SallyportError('ERR_STORE_MISMATCH', 'another schema')),
      () => Promise.reject(new SallyportError('ERR_STORE_VALUE_TOO_LARGE', 'a value of 2 MB')),
      async () => 'nonsense',
    ]) {
      const { store } = over(storeThat(does))
      await codesOf(store, 20)
      assert.deepEqual([store.breaker.state, store.breaker.failures, store.breaker.refusals], ['closed', 0, 0])
    }
  })
})

describe('the numbers of a store', () => {
  const told = { entries: 7, sizeBytes: 1_024 }

  test('are what the store says', async () => {
    const { store } = over(storeThat(async () => told))
    assert.deepEqual(await store.stats(), told)
  })

  test('that it cannot tell open no breaker', async () => {
    const failing = failingStore(memoryStore())
    const { store } = over(failing.store)
    failing.throwAlways()
    for (let i = 0; i < 20; i++) await assert.rejects(store.stats(), { code: 'ERR_STORE_UNAVAILABLE' })
    assert.deepEqual([store.breaker.state, store.breaker.failures], ['closed', 0])
  })

  test('are asked for while the breaker is open, and close it not', async () => {
    const failing = failingStore(memoryStore())
    const { store } = over(failing.store)
    failing.throwAlways()
    await codesOf(store, 5)
    failing.heal()
    assert.equal((await store.stats()).entries, 0)
    assert.deepEqual([store.breaker.state, store.breaker.refusals], ['open', 0])
  })

  test('that take too long keep nobody else waiting', async () => {
    const hanging = wrapStore(memoryStore(), (operation, call) =>
      operation === 'stats' ? new Promise(() => {}) : call(),
    )
    const { store, clock } = over(hanging)
    const counting = Array.from({ length: 10 }, () => watch(store.stats()))
    await clock.advance(1_000)
    assert.ok(counting.every(({ error }) => error === 'ERR_STORE_UNAVAILABLE'))
    assert.deepEqual(await codesOf(store, 1), [undefined])
  })
})

describe('an operation is slow', () => {
  /** A store whose every operation takes so long, and then does the same. */
  function lateBy(ms: number, then: () => unknown): World {
    const clock = manualClock()
    const later = (): unknown =>
      new Promise((resolve, reject) => {
        clock.setTimer(() => void Promise.resolve().then(then).then(resolve, reject), ms)
      })
    return over(storeThat(later), { clock })
  }

  // Opening never is: there may be tables to make.
  for (const name of names.filter((each) => each !== 'init')) {
    test(`that was not answered in time: ${name}`, async () => {
      const { store, clock, slow } = over(storeThat(hangs))
      void watch(operations[name](store))
      await clock.advance(1_000)
      assert.equal(slow.count, 1)
    })
  }

  test('if it took longer than the threshold, and not before it has ended', async () => {
    const { store, clock, slow } = lateBy(201, () => ({ entries: [undefined], storeNow: 1 }))
    void watch(store.read(['key']))
    await clock.advance(200)
    assert.equal(slow.count, 0)
    await clock.advance(1)
    assert.equal(slow.count, 1)
  })

  test('if it failed late', async () => {
    const { store, clock, slow } = lateBy(500, () => Promise.reject(new Error('deadlock')))
    void watch(store.read(['key']))
    await clock.advance(500)
    assert.equal(slow.count, 1)
  })

  test('but not if it failed at once, or was answered in time', async () => {
    const { store, slow } = over(storeThat(() => Promise.reject(new Error('ECONNREFUSED'))))
    await codesOf(store, 3)
    const inTime = lateBy(200, () => ({ entries: [undefined], storeNow: 1 }))
    void watch(inTime.store.read(['key']))
    await inTime.clock.advance(200)
    assert.deepEqual([slow.count, inTime.slow.count], [0, 0])
  })

  test('but not if it was never sent, because the breaker was open', async () => {
    const { store, slow } = over(storeThat(() => Promise.reject(new Error('ECONNREFUSED'))))
    await codesOf(store, 50)
    assert.deepEqual([store.breaker.state, slow.count], ['open', 0])
  })
})

test('a store that flaps is warned of once in ten seconds', async () => {
  const clock = manualClock()
  const failing = failingStore(memoryStore({ clock }))
  const { store, lines } = over(failing.store, { clock })
  for (let second = 0; second < 20; second++) {
    failing.throwAlways()
    await codesOf(store, 5)
    failing.heal()
    await clock.advance(1_000)
    await codesOf(store, 1)
  }
  assert.deepEqual(
    lines.map(({ level }) => level),
    ['warn', 'info', 'warn', 'info'],
  )
})

describe('whatever the store does', () => {
  type Fault = 'answers' | 'refuses' | 'throws' | 'hangs' | 'is slow' | 'is too slow'
  const timeoutMs = 1_000
  const stepMs = 20

  interface Asked {
    at: number
    name: keyof Operations
    isProbe: boolean
    endedAt?: number
    error?: unknown
  }

  /** Asks something every 20 ms while one fault follows another, and for two seconds after the last. */
  async function run(phases: { fault: Fault; ms: number }[], kinds: (keyof Operations)[]): Promise<Asked[]> {
    const clock = manualClock()
    const inner = memoryStore({ clock })
    const asked: Asked[] = []
    let fault: Fault = 'answers'
    let sending: Asked | undefined
    const behave = (call: () => Promise<unknown>): Promise<unknown> => {
      if (sending !== undefined) sending.isProbe = store.breaker.state === 'half-open'
      if (fault === 'refuses') return Promise.reject(new Error('ECONNREFUSED'))
      if (fault === 'throws') throw new Error('no pool')
      if (fault === 'hangs') return new Promise(() => {})
      if (fault === 'answers') return call()
      const latency = fault === 'is slow' ? timeoutMs * 0.6 : timeoutMs * 1.3
      return new Promise((resolve) => void clock.setTimer(() => resolve(call()), latency))
    }
    const faulty = new Proxy(inner, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => behave(() => value.apply(target, args) as Promise<unknown>)
      },
    })
    const { store } = over(faulty, { clock, timeoutMs })
    const ask = (name: keyof Operations): void => {
      const one: Asked = { at: clock.monotonic(), name, isProbe: false }
      asked.push(one)
      sending = one
      const end = (error: unknown): void => void Object.assign(one, { endedAt: clock.monotonic(), error })
      operations[name](store).then(() => end(undefined), end)
      sending = undefined
      const probes = asked.filter(({ isProbe, endedAt }) => isProbe && endedAt === undefined)
      assert.ok(probes.length <= 1, `${probes.length} probes under way`)
    }
    for (const { fault: next, ms } of [...phases, { fault: 'answers' as const, ms: 2_000 + timeoutMs }]) {
      fault = next
      for (let passed = 0; passed < ms; passed += stepMs) {
        ask(kinds[asked.length % kinds.length]!)
        await clock.advance(stepMs)
      }
    }
    return asked
  }

  const phase = fc.record({
    fault: fc.constantFrom<Fault>('answers', 'refuses', 'throws', 'hangs', 'is slow', 'is too slow'),
    ms: fc.integer({ min: 20, max: 2_500 }),
  })
  const kind = fc.constantFrom<keyof Operations>(
    'read',
    'read',
    'create',
    'replace',
    'extend',
    'remove',
    'take',
    'ping',
  )

  test('every operation ends in time, one probe at most is under way, and two seconds after the fault it answers', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(phase, { minLength: 1, maxLength: 4 }),
        fc.array(kind, { minLength: 1, maxLength: 20 }),
        async (phases, kinds) => {
          const asked = await run(phases, kinds)
          const healedAt = asked.at(-1)!.at + stepMs - 2_000 - timeoutMs
          for (const { at, endedAt = Infinity, error } of asked.filter((one) => one.at < healedAt + 2_000)) {
            assert.ok(endedAt - at <= timeoutMs, `an operation took ${endedAt - at} ms`)
            if (error !== undefined) assert.equal((error as { code?: string }).code, 'ERR_STORE_UNAVAILABLE')
          }
          const answered = asked.some(
            ({ at, endedAt = Infinity, error }) => at >= healedAt && endedAt <= healedAt + 2_000 && error === undefined,
          )
          assert.ok(answered, 'nothing was answered within two seconds')
        },
      ),
      { numRuns: 40 },
    )
  })
})
