import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { isSallyportError, SallyportError } from '../../shared/errors.ts'
import { memoryStore } from '../../stores/memory.ts'
import type { Bump, EntryTimes, StoredEntry, Write } from '../store.ts'
import { ReplyChecks } from './check-replies.ts'

const { capabilities } = memoryStore()
const checks = new ReplyChecks({ name: 'odd', capabilities })

const storeNow = 1_700_000_000_000
const times: EntryTimes = { createdAt: storeNow, lastSeenAt: storeNow, expiresAt: storeNow + 1_000 }
const key = 'a key nobody may read'
const entry: StoredEntry = { key, value: Uint8Array.of(1), version: 3, times }
const bump: Bump = { incarnation: 'random', bucket: 255, prev: 0, n: 1, keys: [key] }
const numbers: number[] = Array.from({ length: 256 }, (_, i) => i)
const epochs = { incarnation: 'random', maxStalenessMs: 1_000, numbers, recent: [bump], storeNow }
const replaced = { outcome: 'replaced', version: 8, times, storeNow, bumps: [bump] }
const created = { outcome: 'created', version: 1, times, storeNow }
const extended = { outcome: 'extended', version: 3, times, storeNow }
const info = { key, version: 1, times }

const notNumbers = [undefined, null, NaN, Infinity, -Infinity, '1', 1n]
const notVersions = [...notNumbers, 0, -1, 1.5, 2 ** 53]
const notTimes = [
  undefined,
  null,
  ...notNumbers.map((createdAt) => ({ ...times, createdAt })),
  ...notNumbers.map((lastSeenAt) => ({ ...times, lastSeenAt })),
  ...notNumbers.map((expiresAt) => ({ ...times, expiresAt })),
  ...notNumbers.slice(1).map((absoluteExpiresAt) => ({ ...times, absoluteExpiresAt })),
]
const notObjects = [undefined, null, 'nonsense', 7, true]
const notBumps = [
  undefined,
  null,
  [null],
  {},
  ...[...notNumbers, -1, 1.5, 256].map((bucket) => [{ ...bump, bucket }]),
  ...[...notNumbers, -1].map((prev) => [{ ...bump, prev }]),
  ...[...notNumbers, 0, -1].map((n) => [{ ...bump, n }]),
  ...[undefined, null, 'all', [7]].map((keys) => [{ ...bump, keys }]),
  ...[undefined, null, '', 7].map((incarnation) => [{ ...bump, incarnation }]),
]

/** What each operation may answer by the contract, and what it may not. */
const cases: Record<string, { check: (reply: unknown) => unknown; sound: unknown[]; nonsense: unknown[] }> = {
  read: {
    check: (reply) => checks.read([key, 'another'], reply),
    sound: [
      { entries: [undefined, undefined], storeNow },
      { entries: [entry, undefined], storeNow },
      { entries: [entry, { ...entry, key: 'another', times: { ...times, absoluteExpiresAt: storeNow } }], storeNow },
      { entries: [{ ...entry, value: Buffer.from('x') }, undefined], storeNow },
      { entries: [{ ...entry, value: new Uint8Array() }, undefined], storeNow: 0.5 },
    ],
    nonsense: [
      ...notObjects,
      { storeNow },
      { entries: 'ab', storeNow },
      { entries: [], storeNow },
      { entries: [entry], storeNow },
      { entries: [entry, undefined, undefined], storeNow },
      { entries: [undefined, entry], storeNow },
      ...notNumbers.map((time) => ({ entries: [entry, undefined], storeNow: time })),
    ],
  },
  create: {
    check: (reply) => checks.create(reply),
    sound: [{ outcome: 'present' }, created],
    nonsense: [
      ...notObjects,
      { outcome: 'absent' },
      { outcome: 'extended', version: 1, times, storeNow },
      ...[...notVersions, 2].map((version) => ({ ...created, version })),
      ...notTimes.map((wrong) => ({ ...created, times: wrong })),
      ...notNumbers.map((wrong) => ({ ...created, storeNow: wrong })),
    ],
  },
  replace: {
    check: (reply) => checks.replace(7, reply),
    sound: [{ outcome: 'conflict' }, { outcome: 'absent' }, replaced, { ...replaced, bumps: [] }],
    nonsense: [
      ...notObjects,
      { outcome: 'present' },
      ...[...notVersions, 7, 9].map((version) => ({ ...replaced, version })),
      ...notTimes.map((wrong) => ({ ...replaced, times: wrong })),
      ...notNumbers.map((wrong) => ({ ...replaced, storeNow: wrong })),
      ...notBumps.map((bumps) => ({ ...replaced, bumps })),
    ],
  },
  extend: {
    check: (reply) => checks.extend(reply),
    sound: [{ outcome: 'absent' }, extended],
    nonsense: [
      ...notObjects,
      { outcome: 'conflict' },
      ...notVersions.map((version) => ({ ...extended, version })),
      ...notTimes.map((wrong) => ({ ...extended, times: wrong })),
      ...notNumbers.map((wrong) => ({ ...extended, storeNow: wrong })),
    ],
  },
  take: {
    check: (reply) => checks.take(key, reply),
    sound: [undefined, entry],
    nonsense: [
      null,
      'nonsense',
      { ...entry, key: 'another' },
      ...notVersions.map((version) => ({ ...entry, version })),
      ...notTimes.map((wrong) => ({ ...entry, times: wrong })),
      ...[undefined, null, 'text', [1], new ArrayBuffer(1), new Uint16Array(1)].map((value) => ({ ...entry, value })),
    ],
  },
  remove: {
    check: (reply) => checks.remove(reply),
    sound: [
      { removed: 0, bumps: [] },
      { removed: 2, bumps: [bump, { ...bump, bucket: 0, keys: '*' }] },
    ],
    nonsense: [
      ...notObjects,
      ...[...notNumbers, -1, 1.5].map((removed) => ({ removed, bumps: [] })),
      ...notBumps.map((bumps) => ({ removed: 1, bumps })),
    ],
  },
  list: {
    check: (reply) => checks.list({ index: 'sid', values: [], limit: 2, after: 'page 1' }, reply),
    sound: [{ entries: [] }, { entries: [info, { ...info, label: 'phone' }], next: 'page 2' }],
    nonsense: [
      ...notObjects,
      { entries: undefined },
      { entries: [info, info, info] },
      { entries: [undefined] },
      { entries: [{ ...info, key: 7 }] },
      { entries: [{ ...info, label: null }] },
      ...notVersions.map((version) => ({ entries: [{ ...info, version }] })),
      ...notTimes.map((wrong) => ({ entries: [{ ...info, times: wrong }] })),
      ...[null, 7, 'page 1'].map((next) => ({ entries: [info], next })),
    ],
  },
  epochs: {
    check: (reply) => checks.epochs(reply),
    sound: [
      epochs,
      { ...epochs, numbers: Array(256), recent: [] },
      { ...epochs, numbers: Array(256).fill(0) },
      { ...epochs, numbers: [1, undefined, ...numbers.slice(2)] },
    ],
    nonsense: [
      ...notObjects,
      ...[undefined, null, '', 7].map((incarnation) => ({ ...epochs, incarnation })),
      ...[...notNumbers, -1].map((maxStalenessMs) => ({ ...epochs, maxStalenessMs })),
      ...notNumbers.map((wrong) => ({ ...epochs, storeNow: wrong })),
      ...[undefined, null, '01', Array(257).fill(0)].map((wrong) => ({ ...epochs, numbers: wrong })),
      ...[...notNumbers.slice(1), -1].map((n) => ({ ...epochs, numbers: [n, ...numbers.slice(1)] })),
      ...notBumps.map((recent) => ({ ...epochs, recent })),
    ],
  },
  stats: {
    check: (reply) => checks.stats(reply),
    sound: [{ entries: 0 }, { entries: 7, sizeBytes: 0 }, { entries: 7, sizeBytes: 1e12 }],
    nonsense: [
      ...notObjects,
      ...[...notNumbers, -1, 1.5].map((entries) => ({ entries })),
      ...[...notNumbers.slice(1), -1].map((sizeBytes) => ({ entries: 7, sizeBytes })),
    ],
  },
}

for (const [operation, { check, sound, nonsense }] of Object.entries(cases)) {
  test(`${operation}: what the contract allows passes as it is`, () => {
    for (const reply of sound) assert.deepEqual(check(reply), reply)
  })

  test(`${operation}: what it does not is corrupt, and the text names the store, the operation and nothing else`, () => {
    for (const [i, reply] of nonsense.entries()) {
      assert.throws(
        () => check(reply),
        (error) => {
          assert.ok(isSallyportError(error), `nonsense ${i} passed or crashed: ${String(error)}`)
          assert.equal(error.code, 'ERR_STORE_CORRUPT')
          assert.match(error.message, new RegExp(`^the odd store answered ${operation} with `))
          assert.ok(!error.message.includes(key))
          return true
        },
        `nonsense ${i}`,
      )
    }
  })

  test(`${operation}: whatever is answered is believed or corrupt, never a crash`, () => {
    fc.assert(
      fc.property(fc.anything(), (reply) => {
        try {
          check(reply)
        } catch (error) {
          assert.ok(error instanceof SallyportError && error.code === 'ERR_STORE_CORRUPT', String(error))
        }
      }),
    )
  })
}

describe('read', () => {
  test('an entry that cannot be true is an error in its place; its neighbours stand', () => {
    const neighbour = { ...entry, key: 'neighbour' }
    const wrongs = [
      null,
      7,
      ...notVersions.map((version) => ({ ...entry, version })),
      ...notTimes.map((wrong) => ({ ...entry, times: wrong })),
      ...[undefined, 'text', [1]].map((value) => ({ ...entry, value })),
    ]
    for (const wrong of wrongs) {
      const { entries } = checks.read(['neighbour', key, 'none'], { entries: [neighbour, wrong, undefined], storeNow })
      assert.deepEqual([entries[0], entries[2]], [neighbour, undefined])
      assert.ok(isSallyportError(entries[1]) && entries[1].code === 'ERR_STORE_CORRUPT')
    }
  })

  test('bytes of another realm are bytes', () => {
    const value = runInNewContext('Uint8Array.of(1)') as Uint8Array
    const { entries } = checks.read([key], { entries: [{ ...entry, value }], storeNow })
    assert.ok(!isSallyportError(entries[0]))
  })
})

describe('writeMany', () => {
  const writes: Write[] = [
    { operation: 'create', entry: { key, value: entry.value, lifetime: { idleMs: 1 } } },
    { operation: 'replace', key, version: 7, change: { value: entry.value, bump: false } },
    { operation: 'extend', key, idleMs: 1 },
  ]

  test('an outcome for each write, of its own kind, passes as it is', () => {
    const outcomes = [created, replaced, extended].map((reply) => ({ reply }))
    assert.deepEqual(checks.writeMany(writes, outcomes), outcomes)
  })

  test('an outcome that cannot be is an error in its place; the others stand', () => {
    for (const wrong of [
      undefined,
      7,
      { reply: undefined },
      { reply: created },
      { reply: { ...replaced, version: 7 } },
    ]) {
      const [first, second, third] = checks.writeMany(writes, [{ reply: created }, wrong, { reply: extended }])
      assert.deepEqual([first, third], [{ reply: created }, { reply: extended }])
      assert.ok(second !== undefined && 'error' in second && isSallyportError(second.error))
      assert.equal(second.error.code, 'ERR_STORE_CORRUPT')
    }
  })

  test('with another number of outcomes nobody can tell whose they are', () => {
    for (const outcomes of [undefined, {}, [], [{ reply: created }]]) {
      assert.throws(() => checks.writeMany(writes, outcomes), { code: 'ERR_STORE_CORRUPT' })
    }
  })
})

test('an entry that has expired by the store’s own clock is absent', () => {
  const at = (expiresAt: number): unknown =>
    checks.read([key], { entries: [{ ...entry, times: { ...times, expiresAt } }], storeNow }).entries[0]
  assert.deepEqual([at(storeNow - 1), at(storeNow)], [undefined, undefined])
  assert.notEqual(at(storeNow + 1), undefined)
})

test('a store without epochs bumps nothing', () => {
  const without = new ReplyChecks({ name: 'odd', capabilities: { ...capabilities, buckets: 0 } })
  assert.deepEqual(without.remove({ removed: 1, bumps: [] }), { removed: 1, bumps: [] })
  assert.throws(() => without.remove({ removed: 1, bumps: [{ ...bump, bucket: 0 }] }), { code: 'ERR_STORE_CORRUPT' })
})

describe('a push', () => {
  const risen = { incarnation: 'store', bucket: 1, prev: 3, n: 4, keys: ['key'] }

  test('that can be true is one', () => {
    assert.equal(new ReplyChecks(memoryStore()).isBump(risen), true)
    assert.equal(new ReplyChecks(memoryStore()).isBump({ ...risen, keys: '*' }), true)
  })

  for (const [what, push] of [
    ['nothing', undefined],
    ['a text', 'push'],
    ['one of no store', { ...risen, incarnation: undefined }],
    ['one of a store without a name', { ...risen, incarnation: '' }],
    ['one of a store whose name is no text', { ...risen, incarnation: 7 }],
    ['one that says no more than whose it is', { incarnation: 'store' }],
    ['one of a bucket there is not', { ...risen, bucket: 100_000 }],
    ['one whose number fell', { ...risen, n: 2 }],
    ['one of keys that are none', { ...risen, keys: [1] }],
  ] as const) {
    test(`that is ${what} is none`, () => {
      assert.equal(new ReplyChecks(memoryStore()).isBump(push), false)
    })
  }
})
