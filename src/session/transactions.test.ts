import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startProcess, type ProcessPlan, type SessionProcess } from '../../test/support/session-process.ts'
import { memoryStore } from '../stores/memory.ts'
import { manualClock } from '../testing/manual-clock.ts'
import type { Transactions } from './service.ts'
import { createTransactions } from './transactions.ts'

const value = { nonce: 'n', codeVerifier: 'v' }

async function start(t: TestContext, plan: ProcessPlan = {}): Promise<SessionProcess & { transactions: Transactions }> {
  const started = await startProcess(t, plan)
  const { tiers, vault } = started.parts
  return { ...started, transactions: createTransactions(tiers, vault) }
}

test('what was put is taken, once', async (t) => {
  const { transactions } = await start(t)
  await transactions.put('state', value, 600)
  assert.deepEqual(await transactions.take('state'), value)
  assert.equal(await transactions.take('state'), undefined)
})

test('of a hundred who take it one gets it', async (t) => {
  const { transactions } = await start(t)
  await transactions.put('state', value, 600)
  const taken = await Promise.all(Array.from({ length: 100 }, () => transactions.take('state')))
  assert.equal(taken.filter((each) => each !== undefined).length, 1)
})

test('what is unknown is not there', async (t) => {
  const { transactions } = await start(t)
  assert.equal(await transactions.take('unknown'), undefined)
})

test('it lives as long as it was told to, and not longer', async (t) => {
  const { transactions, clock } = await start(t)
  await transactions.put('first', value, 600)
  await transactions.put('second', value, 600)
  await clock.advance(599_999)
  assert.deepEqual(await transactions.take('first'), value)
  await clock.advance(1)
  assert.equal(await transactions.take('second'), undefined)
})

test('the store sees neither the id nor the value', async (t) => {
  const { transactions, parts } = await start(t)
  const seen: { key: string; value: Uint8Array }[] = []
  t.mock.method(parts.tiers.store, 'create', async (entry: { key: string; value: Uint8Array }) => {
    seen.push(entry)
    return { outcome: 'created' }
  })
  await transactions.put('my-state', { nonce: 'my-nonce' }, 600)
  assert.match(seen[0]!.key, /^cv:[\w-]{43}$/)
  assert.equal(Buffer.from(seen[0]!.value).includes('my-nonce'), false)
})

test('a row that was moved to another id does not open, and is used up all the same', async (t) => {
  const { transactions, parts, held } = await start(t)
  await transactions.put('mine', value, 600)
  const stolen = (await held.store.take(parts.vault.keyOf('cv:', 'mine')))!
  await held.store.create({ ...stolen, key: parts.vault.keyOf('cv:', 'other'), lifetime: { idleMs: 600_000 } })
  assert.equal(await transactions.take('other'), undefined)
  assert.equal((await held.store.stats()).entries, 0)
})

test('one that does not open is said in the log', async (t) => {
  const { transactions, parts, held, lines } = await start(t)
  const newer = Uint8Array.of(8, 1, 2, 3)
  await held.store.create({
    key: parts.vault.keyOf('cv:', 'state'),
    value: newer,
    lifetime: { idleMs: 600_000 },
  })
  assert.equal(await transactions.take('state'), undefined)
  assert.deepEqual(
    lines.map(({ level, fields }) => [level, fields]),
    [['warn', { count: 1 }]],
  )
})

for (const seal of [true, 'server', false] as const) {
  test(`put with seal: ${seal}, it is taken with that`, async (t) => {
    const { transactions } = await start(t, { options: { sealing: { seal } } })
    await transactions.put('state', value, 600)
    assert.deepEqual(await transactions.take('state'), value)
  })
}

test('sealed in one way, it is taken in every other', async (t) => {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  const modes = [true, 'server', false] as const
  const processes = await Promise.all(modes.map((seal) => start(t, { clock, inner, options: { sealing: { seal } } })))
  for (const [i, taker] of processes.entries()) {
    for (const [j, putter] of processes.slice(0, 2).entries()) {
      await putter.transactions.put(`state ${i} ${j}`, value, 600)
      assert.deepEqual(await taker.transactions.take(`state ${i} ${j}`), value)
    }
  }
})

test('readable, it is taken where it is written only', async (t) => {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  const readable = await start(t, { clock, inner, options: { sealing: { seal: false } } })
  const sealing = await start(t, { clock, inner })
  await readable.transactions.put('state', value, 600)
  assert.equal(await sealing.transactions.take('state'), undefined)
  assert.equal(await readable.transactions.take('state'), undefined)
})

test('one that was put before the secret was rotated is taken after it', async (t) => {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  const [old, fresh] = ['1'.repeat(32), '2'.repeat(32)]
  const before = await start(t, { clock, inner, secrets: [old] })
  const after = await start(t, { clock, inner, secrets: [fresh, old] })
  await before.transactions.put('state', value, 600)
  assert.deepEqual(await after.transactions.take('state'), value)
})

test('with the store down it is no "unknown" but a failure', async (t) => {
  const { transactions, held, clock } = await start(t)
  held.hold('take', 'request')
  const outcome = assert.rejects(transactions.take('state'), { code: 'ERR_STORE_UNAVAILABLE' })
  await clock.advance(1_000)
  await outcome
})

test('an id that comes up twice is refused', async (t) => {
  const { transactions } = await start(t)
  await transactions.put('state', value, 600)
  await assert.rejects(transactions.put('state', value, 600), { code: 'ERR_STORE_MISMATCH' })
})
