import assert from 'node:assert/strict'
import type { DefineCase } from './bench.ts'
import {
  assertBytes,
  assertValue,
  createAll,
  entry,
  hasIndexes,
  hour,
  isAbsent,
  names,
  needsBytes,
  needsIndexes,
  present,
  valueOf,
} from './bench.ts'

export function entryCases(define: DefineCase): void {
  define('a created entry reads back with version 1', async ({ store }) => {
    const reply = await store.create(entry('a', { value: valueOf('hello') }))
    assert.ok(reply.outcome === 'created')
    assert.equal(reply.version, 1)
    const found = await present(store, 'a')
    assert.equal(found.key, 'a')
    assert.equal(found.version, 1)
    assertValue(found.value, 'hello')
  })

  define('a key that was never created is absent', async ({ store }) => {
    assert.deepEqual((await store.read(['nothing'])).entries, [undefined])
  })

  define('reading many keys answers in the order asked, absent and repeated ones included', async ({ store }) => {
    await createAll(store, [entry('a'), entry('b')])
    const { entries } = await store.read(['b', 'nothing', 'a', 'b'])
    assert.deepEqual(
      entries.map((found) => found?.key),
      ['b', undefined, 'a', 'b'],
    )
  })

  define('reading no keys answers with no entries', async ({ store }) => {
    assert.deepEqual((await store.read([])).entries, [])
  })

  define('reading 500 keys at once answers all of them', async ({ store }) => {
    const keys = Array.from({ length: 500 }, (_, i) => `key-${i}`)
    await createAll(
      store,
      keys.filter((_, i) => i % 2 === 0).map((key) => entry(key)),
    )
    const { entries } = await store.read(keys)
    assert.deepEqual(
      entries.map((found) => found?.key),
      keys.map((key, i) => (i % 2 === 0 ? key : undefined)),
    )
  })

  define('create refuses a key that is present and leaves its entry alone', async ({ store }) => {
    await createAll(store, [entry('a', { value: valueOf('first'), indexes: { subject: 'alice' } })])
    const second = entry('a', { value: valueOf('second'), indexes: { subject: 'bob' } })
    assert.deepEqual(await store.create(second), { outcome: 'present' })
    assertValue((await present(store, 'a')).value, 'first')
    if (!hasIndexes(store)) return
    assert.deepEqual((await store.list({ index: 'subject', values: ['bob'] })).entries, [])
  })

  define('create dates the entry by the clock of the store', async ({ store }) => {
    const reply = await store.create(entry('a', { lifetime: { idleMs: hour } }))
    assert.ok(reply.outcome === 'created')
    const { createdAt, lastSeenAt, expiresAt } = reply.times
    const granularity = store.capabilities.granularityMs
    assert.ok(Math.abs(createdAt - reply.storeNow) <= granularity)
    assert.equal(lastSeenAt, createdAt)
    assert.ok(Math.abs(expiresAt - (reply.storeNow + hour)) <= granularity)
  })

  define('create and read tell the same times', async ({ store }) => {
    const reply = await store.create(entry('a', { lifetime: { idleMs: hour, absoluteMs: 2 * hour } }))
    assert.ok(reply.outcome === 'created')
    assert.deepEqual((await present(store, 'a')).times, reply.times)
  })

  define('an entry without an absolute lifetime has no ceiling', async ({ store }) => {
    await createAll(store, [entry('a')])
    assert.equal((await present(store, 'a')).times.absoluteExpiresAt, undefined)
  })

  define('an absolute lifetime shorter than the idle one is the deadline', async ({ store }) => {
    await createAll(store, [entry('a', { lifetime: { idleMs: 2 * hour, absoluteMs: hour } })])
    const { expiresAt, absoluteExpiresAt } = (await present(store, 'a')).times
    assert.equal(expiresAt, absoluteExpiresAt)
  })

  valueCases(define)
  keyCases(define)
}

function valueCases(define: DefineCase): void {
  define(
    'a value of every byte there is comes back unchanged',
    async ({ store }) => {
      const value = Uint8Array.from({ length: 512 }, (_, i) => i % 256)
      await createAll(store, [entry('a', { value })])
      assertBytes((await present(store, 'a')).value, value)
    },
    needsBytes,
  )

  define(
    'an empty value is a value',
    async ({ store }) => {
      for (const [key, value] of [
        ['a', new Uint8Array()],
        ['b', new TextEncoder().encode('')],
        ['c', new Uint8Array(8).subarray(4, 4)],
      ] as const) {
        await createAll(store, [entry(key, { value })])
        assertBytes((await present(store, key)).value, new Uint8Array())
        await store.replace(key, 1, { value, bump: false })
        assertBytes((await present(store, key)).value, new Uint8Array())
      }
    },
    needsBytes,
  )

  define(
    'a value of 1 MB comes back unchanged',
    async ({ store }) => {
      const value = Uint8Array.from({ length: 1_048_576 }, (_, i) => (i * 31) % 251)
      await createAll(store, [entry('a', { value })])
      assertBytes((await present(store, 'a')).value, value)
    },
    needsBytes,
  )

  define('a value that is JSON keeps its meaning, however large it is', async ({ store }) => {
    for (const [key, content] of jsonContents) {
      await createAll(store, [entry(key, { value: valueOf(content) })])
      assertValue((await present(store, key)).value, content)
    }
  })

  define('many large values come back in one read, each under its key', async ({ store }) => {
    const keys = names('key', 40)
    await createAll(
      store,
      keys.map((key) => entry(key, { value: valueOf(key.repeat(5_000)) })),
    )
    const { entries } = await store.read(keys)
    for (const [i, found] of entries.entries()) assertValue(found?.value, keys[i]!.repeat(5_000))
  })

  define('a value that grows and shrinks leaves nothing of the one before', async ({ store }) => {
    await createAll(store, [entry('a', { value: valueOf('short') })])
    for (const [version, content] of ['x'.repeat(100_000), 'y', { z: 'z'.repeat(50_000) }, 0].entries()) {
      await store.replace('a', version + 1, { value: valueOf(content), bump: false })
      assertValue((await present(store, 'a')).value, content)
    }
  })

  define('a value that is a view on a larger buffer is stored as that view', async ({ store }) => {
    const whole = valueOf('value')
    const larger = new Uint8Array(whole.length + 6)
    larger.set(whole, 3)
    const value = larger.subarray(3, 3 + whole.length)
    await createAll(store, [entry('a', { value })])
    assertValue((await present(store, 'a')).value, 'value')
  })

  define('changing a value after create or replace changes nothing in the store', async ({ store }) => {
    const first = valueOf('first')
    await createAll(store, [entry('a', { value: first })])
    first.fill(0)
    assertValue((await present(store, 'a')).value, 'first')
    const second = valueOf('second')
    await store.replace('a', 1, { value: second, bump: false })
    second.fill(0)
    assertValue((await present(store, 'a')).value, 'second')
  })

  define('changing a value that was read changes nothing in the store', async ({ store }) => {
    await createAll(store, [entry('a', { value: valueOf('value') })])
    const { value, times } = await present(store, 'a')
    value.fill(0)
    times.expiresAt = 0
    assertValue((await present(store, 'a')).value, 'value')
  })
}

const jsonContents: readonly (readonly [key: string, content: unknown])[] = [
  ['odd characters', '"quoted" \\back\\ zażółć 東京 🗝️ \n\t\u0001\u2028 <!--'],
  ['numbers', [0, -1, 1.5, 1e21, 9_007_199_254_740_991]],
  ['nothing', null],
  ['depth', { a: { b: [{ c: [[]] }, {}] }, __proto__x: false, '': true }],
  ['1 MB', { text: 'x'.repeat(1_048_576) }],
]
const oddKeys = [
  `it's "quoted" \`twice\``,
  'percent%underscore_',
  'percentXunderscoreY',
  'back\\slash; DROP TABLE x; --',
  'zażółć gęślą jaźń 東京 🗝️',
  'line\nbreak\ttab',
  ':colon*star?[a-z]{b}',
  '0',
  '__proto__',
]

function keyCases(define: DefineCase): void {
  define('keys of odd characters are kept apart and come back as they were', async ({ store }) => {
    await createAll(
      store,
      oddKeys.map((key) => entry(key, { indexes: { subject: 'alice' } })),
    )
    const { entries } = await store.read(oddKeys)
    for (const [i, key] of oddKeys.entries()) assertValue(entries[i]?.value, `value of ${key}`)
    if (!hasIndexes(store)) return
    const listed = await store.list({ index: 'subject', values: ['alice'] })
    assert.deepEqual(new Set(listed.entries.map((found) => found.key)), new Set(oddKeys))
  })

  define('keys that differ only in case or trailing blanks are different keys', async ({ store }) => {
    const keys = ['session:AbCd', 'session:aBcD', 'session:AbCd ', 'session:AbCd  ']
    await createAll(
      store,
      keys.map((key) => entry(key)),
    )
    await store.remove({ key: 'session:AbCd' })
    const { entries } = await store.read(keys)
    assert.deepEqual(
      entries.map((found) => found?.key),
      [undefined, ...keys.slice(1)],
    )
  })

  define(
    'labels of odd characters come back as they were',
    async ({ store }) => {
      await createAll(
        store,
        oddKeys.map((label, i) => entry(`key-${i}`, { label, indexes: { subject: 'alice' } })),
      )
      const { entries } = await store.list({ index: 'subject', values: ['alice'] })
      assert.deepEqual(new Set(entries.map(({ label }) => label)), new Set(oddKeys))
    },
    needsIndexes,
  )

  define('keys of 255 characters are told apart by their last one', async ({ store }) => {
    const long = 'k'.repeat(254)
    await createAll(store, [entry(`${long}a`), entry(`${long}b`)])
    assertValue((await present(store, `${long}a`)).value, `value of ${long}a`)
    assert.ok(await isAbsent(store, `${long}c`))
  })
}
