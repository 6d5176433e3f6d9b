import assert from 'node:assert/strict'
import type { Bump, Store } from '../../cache/store.ts'
import type { DefineCase } from './bench.ts'
import {
  assertValue,
  contentOf,
  createAll,
  entry,
  epochNumbers,
  hour,
  isAbsent,
  needsIndexes,
  present,
  valueOf,
} from './bench.ts'

export function raceCases(define: DefineCase): void {
  define('of 100 racers to take exactly one gets the entry', async ({ store }) => {
    await createAll(store, [entry('a')])
    const taken = await Promise.all(times(100, () => store.take('a')))
    assert.equal(taken.filter((found) => found !== undefined).length, 1)
  })

  define('of racers to take and to remove exactly one gets the entry', async ({ store }) => {
    for (let round = 0; round < 10; round++) {
      const key = `key-${round}`
      await createAll(store, [entry(key)])
      const removing = store.remove({ key })
      const taken = await Promise.all(times(10, () => store.take(key)))
      const { removed } = await removing
      assert.equal(taken.filter((found) => found !== undefined).length + removed, 1)
    }
  })

  define('of 100 racers to create exactly one does', async ({ store }) => {
    const replies = await Promise.all(times(100, (i) => store.create(entry('a', { value: valueOf(`racer ${i}`) }))))
    const winners = replies.flatMap((reply, i) => (reply.outcome === 'created' ? [i] : []))
    assert.equal(winners.length, 1)
    assertValue((await present(store, 'a')).value, `racer ${winners[0]}`)
  })

  define('of 100 racers to replace one version exactly one does, and the others are told', async ({ store }) => {
    await createAll(store, [entry('a')])
    const replies = await Promise.all(
      times(100, (i) => store.replace('a', 1, { value: valueOf(`racer ${i}`), bump: i % 2 === 0 })),
    )
    const winners = replies.flatMap((reply, i) => (reply.outcome === 'replaced' ? [i] : []))
    assert.equal(winners.length, 1)
    assert.equal(replies.filter((reply) => reply.outcome === 'conflict').length, 99)
    const found = await present(store, 'a')
    assert.equal(found.version, 2)
    assertValue(found.value, `racer ${winners[0]}`)
  })

  define('of 100 racers to remove one version exactly one does', async ({ store }) => {
    await createAll(store, [entry('a')])
    const replies = await Promise.all(times(100, () => store.remove({ key: 'a', ifVersion: 1 })))
    assert.equal(replies.filter((reply) => reply.removed === 1).length, 1)
    assert.equal(replies.filter((reply) => reply.bumps.length === 1).length, 1)
  })

  define('no update is lost between 10 writers who compare and set', async ({ store }) => {
    await createAll(store, [entry('counter', { value: valueOf(0) })])
    await Promise.all(times(10, () => incrementTenTimes(store)))
    const found = await present(store, 'counter')
    assertValue(found.value, 100)
    assert.equal(found.version, 101)
  })

  define('a removal wins over extensions, replacements and reads on their way', async ({ store }) => {
    for (let round = 0; round < 10; round++) {
      const key = `key-${round}`
      await createAll(store, [entry(key)])
      await Promise.all([
        store.extend(key, hour),
        store.replace(key, 1, { value: valueOf('x'), bump: true }),
        store.remove({ key }),
        store.extend(key, 2 * hour),
        store.replace(key, 2, { value: valueOf('y'), bump: false, lifetime: { idleMs: hour } }),
        store.read([key]),
      ])
      assert.ok(await isAbsent(store, key))
    }
  })

  define(
    'whatever is created and removed by index at once: lists tell what is there',
    async ({ store }) => {
      const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`)
      const indexes = { subject: 'alice' }
      const creating = keys.map((key) => store.create(entry(key, { indexes })))
      const removing = times(4, () => store.remove({ index: 'subject', values: ['alice'] }))
      const [, removals] = await Promise.all([Promise.all(creating), Promise.all(removing)])
      const { entries } = await store.read(keys)
      const left = entries.flatMap((found) => (found === undefined ? [] : [found.key]))
      const listed = (await store.list({ index: 'subject', values: ['alice'] })).entries.map(({ key }) => key)
      assert.deepEqual(listed.sort(), left.sort())
      assert.equal(removals.reduce((sum, { removed }) => sum + removed, 0) + left.length, keys.length)
    },
    needsIndexes,
  )

  define('bumps made at once form one chain', async ({ store }) => {
    const replies = await Promise.all(times(50, () => store.remove({ key: 'a' })))
    const bumps = replies.flatMap((reply) => reply.bumps).sort((a, b) => a.n - b.n)
    assert.equal(bumps.length, 50)
    assertChain(bumps)
    assert.equal((await epochNumbers(store))[bumps[0]?.bucket ?? -1], bumps.at(-1)?.n)
  })

  define(
    'removals of overlapping sets all come to an end',
    async ({ store }) => {
      const entries = times(40, (i) => entry(`key-${i}`, { indexes: { subject: `u${i % 2}`, sid: `s${i % 5}` } }))
      await createAll(store, entries)
      const replies = await Promise.all([
        store.remove({ index: 'subject', values: ['u0'] }),
        store.remove({ index: 'sid', values: ['s4', 's3', 's2'] }),
        store.remove({ index: 'subject', values: ['u1'] }),
        store.remove({ index: 'sid', values: ['s0', 's1', 's2'] }),
      ])
      assert.equal(
        replies.reduce((sum, reply) => sum + reply.removed, 0),
        40,
      )
    },
    needsIndexes,
  )
}

async function incrementTenTimes(store: Store): Promise<void> {
  for (let done = 0; done < 10;) {
    const { value, version } = await present(store, 'counter')
    const next = valueOf(Number(contentOf(value)) + 1)
    if ((await store.replace('counter', version, { value: next, bump: false })).outcome === 'replaced') done++
  }
}

function assertChain(bumps: readonly Bump[]): void {
  let previous = 0
  for (const { prev, n } of bumps) {
    assert.equal(prev, previous)
    previous = n
  }
}

function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i))
}
