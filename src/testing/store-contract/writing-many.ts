import assert from 'node:assert/strict'
import { bucketOf } from '../../cache/bucket.ts'
import type { Replacement, ReplaceReply, Store, Write, WriteOutcome } from '../../cache/store.ts'
import type { ContractBench, DefineCase, Need } from './bench.ts'
import {
  assertRemembered,
  assertValue,
  createAll,
  entry,
  epochNumbers,
  hour,
  isAbsent,
  keysOfOneBucket,
  names,
  needsDurability,
  needsIndexes,
  onlyBump,
  present,
  valueOf,
} from './bench.ts'

/** The operation, of a store that has it. */
type WriteMany = NonNullable<Store['writeMany']>

export function writingManyCases(define: DefineCase): void {
  const defineIfOffered: DefineIfOffered = (name, run, ...needs) => {
    const runIt = async (bench: ContractBench): Promise<void> => {
      const { store } = bench
      if (store.writeMany !== undefined) await run(store.writeMany.bind(store), bench)
    }
    define(`writeMany ${name}`, runIt, needsWriteMany, ...needs)
  }
  outcomeCases(defineIfOffered)
  orderCases(defineIfOffered)
  bumpCases(defineIfOffered)
}

type DefineIfOffered = (
  name: string,
  run: (writeMany: WriteMany, bench: ContractBench) => Promise<void>,
  ...needs: Need[]
) => void

const needsWriteMany: Need = ({ store }) =>
  store.writeMany === undefined ? 'the store takes one write at a time' : undefined

function outcomeCases(define: DefineIfOffered): void {
  define('of nothing answers nothing', async (writeMany) => {
    assert.deepEqual(await writeMany([]), [])
  })

  define('gives each write the outcome it would have had alone, in their order', async (writeMany, { store }) => {
    await createAll(store, [entry('there'), entry('other'), entry('third')])
    const outcomes = await writeMany([
      create('there'),
      create('new'),
      replace('there', 7),
      replace('nothing', 1),
      replace('other', 1),
      extend('nothing'),
      extend('third'),
    ])
    const wanted = ['present', 'created', 'conflict', 'absent', 'replaced', 'absent', 'extended']
    assert.deepEqual(outcomesOf(outcomes), wanted)
  })

  define('keeps what succeeded and changes nothing else', async (writeMany, { store }) => {
    await createAll(store, [entry('there', { value: valueOf('old') })])
    const before = await present(store, 'there')
    await writeMany([create('there'), create('new', 'new'), replace('there', 7), replace('nothing', 1)])
    assert.deepEqual(await present(store, 'there'), before)
    assertValue((await present(store, 'new')).value, 'new')
    assert.ok(await isAbsent(store, 'nothing'))
  })

  define('answers with the versions and times that are read afterwards', async (writeMany, { store }) => {
    await createAll(store, [entry('b'), entry('c', { lifetime: { idleMs: hour, absoluteMs: 2 * hour } })])
    const lifetime = { idleMs: 3 * hour, absoluteMs: 4 * hour }
    const replies = repliesOf(await writeMany([create('a'), replace('b', 1, { lifetime }), extend('c', 9 * hour)]))
    const { entries } = await store.read(['a', 'b', 'c'])
    assert.deepEqual(
      replies.map((reply) => 'times' in reply && [reply.version, reply.times]),
      entries.map((found) => found && [found.version, found.times]),
    )
  })

  define('finds expired entries absent, and creates where one has expired', async (writeMany, bench) => {
    const { store, advance, brief } = bench
    await createAll(
      store,
      ['a', 'b', 'c'].map((key) => entry(key, { lifetime: { idleMs: brief } })),
    )
    await advance(brief)
    assert.deepEqual(outcomesOf(await writeMany([replace('a', 1), extend('b'), create('c')])), [
      'absent',
      'absent',
      'created',
    ])
    assert.deepEqual([await isAbsent(store, 'a'), await isAbsent(store, 'b')], [true, true])
  })

  define(
    'lists what it created',
    async (writeMany, { store }) => {
      const indexes = { subject: 'alice' }
      await writeMany(['a', 'b'].map((key) => ({ operation: 'create', entry: entry(key, { indexes }) })))
      const { entries } = await store.list({ index: 'subject', values: ['alice'] })
      assert.deepEqual(
        entries.map(({ key }) => key),
        ['a', 'b'],
      )
    },
    needsIndexes,
  )

  define('takes a hundred writes', async (writeMany, { store }) => {
    const keys = names('key', 100)
    assert.deepEqual(new Set(outcomesOf(await writeMany(keys.map((key) => create(key, key))))), new Set(['created']))
    const { entries } = await store.read(keys)
    for (const [i, found] of entries.entries()) assertValue(found?.value, keys[i])
  })
}

function orderCases(define: DefineIfOffered): void {
  define('writes the same key in the order given', async (writeMany, { store }) => {
    const outcomes = await writeMany([
      replace('a', 1),
      create('a', 'first'),
      create('a', 'never'),
      replace('a', 1, { value: valueOf('second') }),
      replace('a', 1, { value: valueOf('never') }),
      replace('a', 2, { value: valueOf('third') }),
      extend('a', 2 * hour),
    ])
    const wanted = ['absent', 'created', 'present', 'replaced', 'conflict', 'replaced', 'extended']
    assert.deepEqual(outcomesOf(outcomes), wanted)
    const found = await present(store, 'a')
    assert.equal(found.version, 3)
    assertValue(found.value, 'third')
    const last = repliesOf(outcomes).at(-1)
    assert.deepEqual(last?.outcome === 'extended' && last.times, found.times)
  })

  define('of ten racers on the same ten keys writes each key once', async (writeMany, { store }) => {
    const keys = names('key', 10)
    const racers = names('racer', 10)
    const won = await Promise.all(racers.map((racer) => writeMany(keys.map((key) => create(key, racer)))))
    for (const [i, key] of keys.entries()) {
      const winners = racers.filter((_, racer) => outcomesOf(won[racer]!)[i] === 'created')
      assert.equal(winners.length, 1)
      assertValue((await present(store, key)).value, winners[0])
    }
  })
}

function bumpCases(define: DefineIfOffered): void {
  define('returns to each write its own bumps, and none where none was wanted', async (writeMany, { store }) => {
    await createAll(
      store,
      ['a', 'b', 'c'].map((key) => entry(key)),
    )
    const writes = [replace('a', 1, { bump: true }), replace('b', 1), replace('c', 7, { bump: true })]
    const [loud, quiet, failed] = repliesOf(await writeMany(writes))
    assert.deepEqual(onlyBump(bumpsOf(loud)).keys, ['a'])
    assert.deepEqual(bumpsOf(quiet), [])
    assert.equal(failed?.outcome, 'conflict')
    const numbers = await epochNumbers(store)
    const { bucket, n } = onlyBump(bumpsOf(loud))
    assert.equal(bucket, bucketOf('a', store.capabilities.buckets))
    assert.deepEqual(
      numbers.filter((number) => number > 0),
      [n],
    )
  })

  define('names in its bumps the incarnation that epochs tells', async (writeMany, { store }) => {
    await createAll(store, [entry('a')])
    const [reply] = repliesOf(await writeMany([replace('a', 1, { bump: true }), create('b')]))
    assert.equal(onlyBump(bumpsOf(reply)).incarnation, (await store.epochs([])).incarnation)
  })

  define('makes bumps of one bucket that follow one another', async (writeMany, { store }) => {
    const keys = keysOfOneBucket(store, 3)
    await createAll(
      store,
      keys.map((key) => entry(key)),
    )
    const known = await epochNumbers(store)
    const replies = repliesOf(await writeMany(keys.map((key) => replace(key, 1, { bump: true }))))
    const bumps = replies.map((reply) => onlyBump(bumpsOf(reply)))
    for (const [i, { prev, n, bucket }] of bumps.entries()) {
      assert.equal(prev, i === 0 ? known[bucket] : bumps[i - 1]?.n)
      assert.ok(n > prev)
    }
    assertRemembered((await store.epochs(known)).recent, bumps)
  })

  define(
    'keeps bumps and values of a durable store when it is opened again',
    async (writeMany, bench) => {
      const { store, reopen } = bench
      await createAll(store, [entry('a')])
      await writeMany([create('b'), replace('a', 1, { bump: true, value: valueOf('kept') })])
      const numbers = await epochNumbers(store)
      await store.close()
      const again = await reopen!()
      assertValue((await present(again, 'a')).value, 'kept')
      assert.deepEqual(await epochNumbers(again), numbers)
    },
    needsDurability,
  )
}

function create(key: string, value = 'value'): Write {
  return { operation: 'create', entry: entry(key, { value: valueOf(value) }) }
}

function replace(key: string, version: number, change: Partial<Replacement> = {}): Write {
  return { operation: 'replace', key, version, change: { value: valueOf('replaced'), bump: false, ...change } }
}

function extend(key: string, idleMs: number = hour): Write {
  return { operation: 'extend', key, idleMs }
}

type Reply = Extract<WriteOutcome, { reply: unknown }>['reply']

/** What the writes were answered; none of them may have failed. */
function repliesOf(outcomes: readonly WriteOutcome[]): Reply[] {
  return outcomes.map((outcome) => {
    if ('error' in outcome) throw outcome.error
    return outcome.reply
  })
}

function outcomesOf(outcomes: readonly WriteOutcome[]): Reply['outcome'][] {
  return repliesOf(outcomes).map(({ outcome }) => outcome)
}

function bumpsOf(reply: Reply | undefined): Extract<ReplaceReply, { outcome: 'replaced' }>['bumps'] {
  assert.equal(reply?.outcome, 'replaced')
  return reply.bumps
}
