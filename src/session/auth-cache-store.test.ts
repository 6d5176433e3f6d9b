import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mapAuthCache, type MapAuthCache } from '../../test/support/map-auth-cache.ts'
import { ReplyChecks, type CheckedRead } from '../cache/l2/check-replies.ts'
import type { NewEntry, Store, StoredEntry } from '../cache/store.ts'
import type { SallyportError } from '../shared/errors.ts'
import { manualClock, type ManualClock } from '../testing/manual-clock.ts'
import type { AuthCache } from './auth-cache.ts'
import { fromAuthCache } from './from-auth-cache.ts'

const key = 'session:x'
const verifier = 'cv:x'
const minute = 60_000

interface World {
  clock: ManualClock
  mine: MapAuthCache
  store: Store
  /** Another process over the same cache. */
  other: Store
}

function world(): World {
  const clock = manualClock()
  const mine = mapAuthCache(clock)
  return { clock, mine, store: fromAuthCache(mine, { clock }), other: fromAuthCache(mine, { clock }) }
}

function entry(rest: Partial<NewEntry> = {}): NewEntry {
  return { key, value: Uint8Array.of(1), lifetime: { idleMs: 30 * minute }, ...rest }
}

const bytes = (value: number): Uint8Array => Uint8Array.of(value)

async function readOne(store: Store, of = key): Promise<StoredEntry | undefined> {
  return (await store.read([of])).entries[0]
}

async function mustRead(store: Store, of = key): Promise<StoredEntry> {
  const found = await readOne(store, of)
  assert.ok(found, `${of} must be there`)
  return found
}

/** A read as the tier above believes it. */
async function checkedRead(store: Store, keys: readonly string[]): Promise<CheckedRead['entries']> {
  return new ReplyChecks(store).read(keys, await store.read(keys)).entries
}

const unsupported = { code: 'ERR_STORE_UNSUPPORTED', status: 501 }

describe('an entry', () => {
  test('comes back byte for byte, with its version and times', async () => {
    const { clock, store, other } = world()
    const value = Uint8Array.from({ length: 256 }, (_, i) => i)
    const now = clock.wall()
    const times = {
      createdAt: now,
      lastSeenAt: now,
      expiresAt: now + 30 * minute,
      absoluteExpiresAt: now + 60 * minute,
    }
    const lifetime = { idleMs: 30 * minute, absoluteMs: 60 * minute }
    assert.deepEqual(await store.create(entry({ value, lifetime })), {
      outcome: 'created',
      version: 1,
      times,
      storeNow: now,
    })
    const found = await mustRead(other)
    assert.deepEqual({ ...found, value: new Uint8Array(found.value) }, { key, value, version: 1, times })
  })

  test('is created by a get and a set, and never over one that is there', async () => {
    const { mine, store, other } = world()
    await store.create(entry())
    assert.deepEqual(mine.asked, [`getAuthSession ${key}`, `setAuthSession ${key} 1800`])
    assert.deepEqual(await other.create(entry({ value: bytes(2) })), { outcome: 'present' })
    assert.equal((await mustRead(store)).value[0], 1)
  })

  test('lives in the cache for its time in seconds, rounded up, and for no longer than its ceiling', async () => {
    const { mine, store } = world()
    await store.create(entry({ lifetime: { idleMs: 1_001 } }))
    await store.create(entry({ key: 'session:y', lifetime: { idleMs: 30 * minute, absoluteMs: minute } }))
    await store.create(entry({ key: 'session:z', lifetime: { idleMs: 0.5 } }))
    const sets = mine.asked.filter((line) => line.startsWith('set'))
    assert.deepEqual(sets, ['setAuthSession session:x 2', 'setAuthSession session:y 60', 'setAuthSession session:z 1'])
  })

  test('may be given a fraction of a millisecond', async () => {
    const { store } = world()
    await store.create(entry({ lifetime: { idleMs: 1_000.5, absoluteMs: 2_000.5 } }))
    await mustRead(store)
  })

  test('is absent from its ceiling on, though the cache still has it', async () => {
    const { clock, mine, store } = world()
    await store.create(entry({ lifetime: { idleMs: 30 * minute, absoluteMs: minute } }))
    mine.sessions.get(key)!.expiresAt = Infinity
    await clock.advance(minute - 1)
    await mustRead(store)
    await clock.advance(1)
    assert.equal(await readOne(store), undefined)
    assert.deepEqual(await store.replace(key, 1, { value: bytes(2), bump: true }), { outcome: 'absent' })
    assert.deepEqual(await store.extend(key, minute), { outcome: 'absent' })
    assert.deepEqual(await store.remove({ key }), { removed: 0, bumps: [] })
  })

  test('can be created again after its ceiling', async () => {
    const { clock, mine, store } = world()
    await store.create(entry({ lifetime: { idleMs: minute, absoluteMs: minute } }))
    mine.sessions.get(key)!.expiresAt = Infinity
    await clock.advance(minute)
    assert.equal((await store.create(entry({ value: bytes(2) }))).outcome, 'created')
    assert.equal((await mustRead(store)).value[0], 2)
  })

  test('is read with others in the order asked for', async () => {
    const { store } = world()
    await store.create(entry())
    await store.create(entry({ key: verifier }))
    const { entries } = await store.read([verifier, 'session:unknown', key])
    assert.deepEqual(
      entries.map((found) => found?.key),
      [verifier, undefined, key],
    )
  })

  test('under another prefix is refused: there is no operation for it', async () => {
    const { mine, store } = world()
    await assert.rejects(store.create(entry({ key: 'logout:x' })), unsupported)
    await assert.rejects(store.read(['logout:x']), unsupported)
    assert.deepEqual(mine.asked, [])
  })
})

describe('a code verifier', () => {
  test('goes to the operations for verifiers', async () => {
    const { mine, store } = world()
    await store.create(entry({ key: verifier }))
    await store.replace(verifier, 1, { value: bytes(2), bump: true })
    await store.take(verifier)
    assert.deepEqual(
      mine.asked.map((line) => line.split(' ')[0]),
      ['getCodeVerifier', 'setCodeVerifier', 'getCodeVerifier', 'setCodeVerifier'].concat([
        'getCodeVerifier',
        'invalidateCodeVerifier',
      ]),
    )
  })

  test('is absent from its deadline on, though the cache still has it', async () => {
    const { clock, mine, store } = world()
    await store.create(entry({ key: verifier, lifetime: { idleMs: minute } }))
    await clock.advance(minute - 1)
    await mustRead(store, verifier)
    await clock.advance(1)
    assert.equal(await readOne(store, verifier), undefined)
    assert.equal(await store.take(verifier), undefined)
    assert.ok(mine.verifiers.has(verifier))
  })

  test('that is replaced keeps its deadline unless told', async () => {
    const { clock, store } = world()
    const { expiresAt } = (await store.create(entry({ key: verifier })).then(() => mustRead(store, verifier))).times
    await clock.advance(minute)
    await store.replace(verifier, 1, { value: bytes(2), bump: true })
    assert.equal((await mustRead(store, verifier)).times.expiresAt, expiresAt)
    await store.replace(verifier, 2, { value: bytes(3), bump: true, lifetime: { idleMs: 90 * minute } })
    assert.equal((await mustRead(store, verifier)).times.expiresAt, clock.wall() + 90 * minute)
  })

  test('cannot be extended: there is no operation for it', async () => {
    const { store } = world()
    await store.create(entry({ key: verifier }))
    await assert.rejects(store.extend(verifier, minute), unsupported)
  })

  test('that is taken is gone, and comes once', async () => {
    const { store, other } = world()
    await store.create(entry({ key: verifier, value: bytes(7) }))
    assert.equal((await store.take(verifier))?.value[0], 7)
    assert.equal(await other.take(verifier), undefined)
  })

  test('goes to exactly one of many racers through one store object', async () => {
    const { store } = world()
    await store.create(entry({ key: verifier }))
    const taken = await Promise.all(Array.from({ length: 20 }, () => store.take(verifier)))
    assert.equal(taken.filter((found) => found !== undefined).length, 1)
  })
})

describe('a replacement', () => {
  test('is made at the version it was meant for, and at no other', async () => {
    const { store, other } = world()
    await store.create(entry())
    assert.equal((await store.replace(key, 1, { value: bytes(2), bump: true })).outcome, 'replaced')
    assert.deepEqual(await other.replace(key, 1, { value: bytes(3), bump: true }), { outcome: 'conflict' })
    const found = await mustRead(other)
    assert.deepEqual([found.version, found.value[0]], [2, 2])
  })

  test('never creates', async () => {
    const { mine, store } = world()
    assert.deepEqual(await store.replace(key, 1, { value: bytes(2), bump: true }), { outcome: 'absent' })
    assert.equal(mine.sessions.size, 0)
  })

  test('counts no epoch, whether others must see it or not', async () => {
    const { store } = world()
    await store.create(entry())
    const reply = await store.replace(key, 1, { value: bytes(2), bump: true })
    assert.deepEqual(reply.outcome === 'replaced' && reply.bumps, [])
  })

  test('keeps when it was created and its ceiling', async () => {
    const { clock, store } = world()
    await store.create(entry({ lifetime: { idleMs: 30 * minute, absoluteMs: 60 * minute } }))
    const before = (await mustRead(store)).times
    await clock.advance(20 * minute)
    await store.replace(key, 1, { value: bytes(2), bump: true })
    const { createdAt, absoluteExpiresAt } = (await mustRead(store)).times
    assert.deepEqual(
      { createdAt, absoluteExpiresAt },
      {
        createdAt: before.createdAt,
        absoluteExpiresAt: before.absoluteExpiresAt,
      },
    )
  })

  test('counts as a use, so that a session another process extended is not cut short', async () => {
    const { clock, mine, store, other } = world()
    await store.create(entry())
    await clock.advance(20 * minute)
    await other.extend(key, 30 * minute)
    await clock.advance(5 * minute)
    await store.replace(key, 1, { value: bytes(2), bump: true })
    assert.ok(mine.sessions.get(key)!.expiresAt >= clock.wall() + 25 * minute)
    assert.equal((await mustRead(store)).times.lastSeenAt, clock.wall())
  })

  test('keeps a longer extension that this process made', async () => {
    const { clock, mine, store } = world()
    await store.create(entry())
    await store.extend(key, 90 * minute)
    const { expiresAt } = (await mustRead(store)).times
    await clock.advance(minute)
    await store.replace(key, 1, { value: bytes(2), bump: true })
    assert.equal((await mustRead(store)).times.expiresAt, expiresAt)
    assert.equal(mine.sessions.get(key)!.expiresAt, expiresAt)
  })

  test('gives new deadlines if told, and no ceiling where none is', async () => {
    const { clock, mine, store } = world()
    await store.create(entry({ lifetime: { idleMs: 30 * minute, absoluteMs: 60 * minute } }))
    await store.replace(key, 1, { value: bytes(2), bump: true, lifetime: { idleMs: minute } })
    const { expiresAt, absoluteExpiresAt } = (await mustRead(store)).times
    assert.deepEqual([expiresAt, absoluteExpiresAt], [clock.wall() + minute, undefined])
    assert.equal(mine.sessions.get(key)!.expiresAt, clock.wall() + minute)
  })
})

describe('an extension', () => {
  test('extends and sets nothing', async () => {
    const { mine, store } = world()
    await store.create(entry())
    mine.asked.length = 0
    await store.extend(key, 1_500)
    await store.extend(key, 40 * minute)
    assert.deepEqual(mine.asked, [
      `getAuthSession ${key}`,
      `extendAuthSession ${key} 1800`,
      `getAuthSession ${key}`,
      `extendAuthSession ${key} 2400`,
    ])
  })

  test('of what is not there asks for nothing more', async () => {
    const { mine, store } = world()
    assert.deepEqual(await store.extend(key, minute), { outcome: 'absent' })
    assert.deepEqual(mine.asked, [`getAuthSession ${key}`])
  })

  test('goes no further than the ceiling', async () => {
    const { clock, mine, store } = world()
    await store.create(entry({ lifetime: { idleMs: 30 * minute, absoluteMs: 40 * minute } }))
    await clock.advance(20 * minute)
    const reply = await store.extend(key, 30 * minute)
    assert.equal(reply.outcome === 'extended' && reply.times.expiresAt, clock.wall() + 20 * minute)
    assert.equal(mine.asked.at(-1), `extendAuthSession ${key} 1200`)
  })

  test('keeps the version, and is remembered as the last use', async () => {
    const { clock, store } = world()
    await store.create(entry())
    await clock.advance(10 * minute)
    const reply = await store.extend(key, 30 * minute)
    const { version, times } = await mustRead(store)
    assert.equal(version, 1)
    assert.deepEqual([times.lastSeenAt, times.expiresAt], [clock.wall(), clock.wall() + 30 * minute])
    assert.deepEqual(reply.outcome === 'extended' && reply.times, times)
  })

  test('by another process is not known here, but that it was: the end is estimated', async () => {
    const { clock, store, other } = world()
    await store.create(entry({ lifetime: { idleMs: 30 * minute, absoluteMs: 55 * minute } }))
    const createdAt = clock.wall()
    await clock.advance(20 * minute)
    await other.extend(key, 30 * minute)
    await clock.advance(20 * minute)
    const { times } = await mustRead(store)
    assert.equal(times.lastSeenAt, createdAt)
    assert.equal(times.expiresAt, createdAt + 55 * minute)
  })

  test('of an earlier writing says nothing about a later one, also of the same moment', async () => {
    const { clock, store, other } = world()
    await store.create(entry())
    await store.extend(key, 90 * minute)
    await other.replace(key, 1, { value: bytes(2), bump: true, lifetime: { idleMs: minute } })
    assert.equal((await mustRead(store)).times.expiresAt, clock.wall() + minute)
    await store.extend(key, 90 * minute)
    await store.remove({ key })
    await store.create(entry())
    await store.replace(key, 1, { value: bytes(3), bump: true })
    assert.equal((await mustRead(store)).times.expiresAt, clock.wall() + 30 * minute)
  })

  test('of an earlier life of a key says nothing about a later one', async () => {
    const { clock, store, other } = world()
    await store.create(entry())
    await clock.advance(minute)
    await store.extend(key, 30 * minute)
    await other.remove({ key })
    await clock.advance(minute)
    await other.create(entry())
    assert.equal((await mustRead(store)).times.lastSeenAt, clock.wall())
  })
})

describe('a removal', () => {
  test('tells whether anything was there, and bumps nothing', async () => {
    const { store, other } = world()
    await store.create(entry())
    assert.deepEqual(await other.remove({ key }), { removed: 1, bumps: [] })
    assert.deepEqual(await other.remove({ key }), { removed: 0, bumps: [] })
    assert.equal(await readOne(store), undefined)
  })

  test('invalidates also what it did not find: a get may be behind', async () => {
    const { mine, store } = world()
    await store.remove({ key })
    assert.equal(mine.asked.at(-1), `invalidateAuthSession ${key}`)
  })

  test('of one version leaves another alone', async () => {
    const { mine, store } = world()
    await store.create(entry())
    assert.equal((await store.remove({ key, ifVersion: 2 })).removed, 0)
    assert.ok(mine.sessions.has(key))
    assert.equal((await store.remove({ key, ifVersion: 1 })).removed, 1)
    assert.ok(!mine.sessions.has(key))
    assert.equal((await store.remove({ key, ifVersion: 1 })).removed, 0)
  })
})

describe('what seven operations cannot do', () => {
  const cases: [string, (store: Store) => Promise<unknown>][] = [
    ['a removal by index', (store) => store.remove({ index: 'subject', values: ['hash'] })],
    ['a list', (store) => store.list({ index: 'subject', values: ['hash'] })],
    ['epochs', (store) => store.epochs([])],
    ['a count of entries', (store) => store.stats()],
  ]
  for (const [what, ask] of cases) {
    test(`${what} is refused, naming stores that can`, async () => {
      const { mine, store } = world()
      await assert.rejects(ask(store), { ...unsupported, message: /sallyport\/sqlite/ })
      assert.deepEqual(mine.asked, [])
    })
  }

  test('is declared', () => {
    const { capabilities, cleanupIntervalSec, subscribe } = world().store
    assert.deepEqual(capabilities, {
      removeByIndex: 'none',
      clock: 'estimated',
      granularityMs: 1_000,
      push: false,
      durable: false,
      buckets: 0,
    })
    assert.deepEqual([cleanupIntervalSec, subscribe], [0, undefined])
  })

  test('is not needed to sweep: the cache lets go by itself', async () => {
    assert.equal(await world().store.sweep(1_000), 0)
  })
})

describe('a cache that answers nonsense', () => {
  const operations: [string, (store: Store) => Promise<unknown>][] = [
    ['read', async (store) => checkedRead(store, [key]).then(([found]) => Promise.reject(found as unknown))],
    ['create', (store) => store.create(entry())],
    ['replace', (store) => store.replace(key, 1, { value: bytes(2), bump: true })],
    ['extend', (store) => store.extend(key, minute)],
    ['take', (store) => store.take(key)],
    ['remove if version', (store) => store.remove({ key, ifVersion: 1 })],
  ]
  const answers: [string, unknown][] = [
    ['another string', 'secret text of somebody else'],
    ['an entry of a later format', '2.1.1.1.1.1..AA'],
    ['null', null],
    ['an object', { accessToken: 'secret text of somebody else' }],
  ]
  for (const [what, answer] of answers) {
    for (const [name, operate] of operations) {
      test(`${what}, is never taken for absent, shown or deleted (${name})`, async () => {
        const { mine, store } = world()
        mine.sessions.set(key, { text: answer as string, expiresAt: Infinity })
        await assert.rejects(operate(store), (error: Error & { code?: string }) => {
          assert.equal(error.code, 'ERR_STORE_CORRUPT')
          assert.doesNotMatch(error.message, /secret|session:/)
          return true
        })
        assert.deepEqual(mine.sessions.get(key)?.text, answer)
        assert.ok(!mine.asked.some((line) => /^(set|invalidate)/.test(line)))
      })
    }
  }

  test('harms nobody else who is asked for in the same read', async () => {
    const { mine, store } = world()
    mine.sessions.set(key, { text: '2.1.1.1.1.1..AA', expiresAt: Infinity })
    await store.create(entry({ key: 'session:y' }))
    const [found, error, absent] = await checkedRead(store, ['session:y', key, 'session:z'])
    assert.equal((found as StoredEntry).version, 1)
    assert.equal((error as SallyportError).code, 'ERR_STORE_CORRUPT')
    assert.equal(absent, undefined)
  })

  test('still loses what somebody ends by its key', async () => {
    const { mine, store } = world()
    mine.sessions.set(key, { text: '2.1.1.1.1.1..AA', expiresAt: Infinity })
    assert.equal((await store.remove({ key })).removed, 1)
    assert.ok(!mine.sessions.has(key))
    assert.equal(await readOne(store), undefined)
  })
})

describe('a cache that fails', () => {
  const operations: [string, (store: Store) => Promise<unknown>][] = [
    ['read', (store) => store.read([key])],
    ['create', (store) => store.create(entry())],
    ['replace', (store) => store.replace(key, 1, { value: bytes(2), bump: true })],
    ['extend', (store) => store.extend(key, minute)],
    ['take', (store) => store.take(verifier)],
    ['remove', (store) => store.remove({ key })],
    ['ping', (store) => store.ping()],
  ]
  for (const [name, operate] of operations) {
    test(`by rejecting fails ${name}: nothing is absent`, async () => {
      const { mine, store } = world()
      await store.create(entry())
      const broken = new Error('ECONNRESET')
      mine.around = () => Promise.reject(broken)
      await assert.rejects(operate(store), (error) => error === broken)
    })

    test(`by throwing fails ${name} the same way`, async () => {
      const broken = new Error('no pool')
      const throwing = new Proxy(mapAuthCache(manualClock()), {
        get: () => () => {
          throw broken
        },
      }) as AuthCache<string>
      await assert.rejects(operate(fromAuthCache(throwing)), (error) => error === broken)
    })
  }

  test('while it extends leaves no touch that did not happen', async () => {
    const { clock, mine, store } = world()
    await store.create(entry())
    const before = (await mustRead(store)).times
    await clock.advance(minute)
    mine.around = (operation) => {
      if (operation === 'extendAuthSession') throw new Error('ECONNRESET')
    }
    await assert.rejects(store.extend(key, 30 * minute))
    assert.deepEqual((await mustRead(store)).times, before)
  })

  test('and works again is asked again', async () => {
    const { mine, store } = world()
    mine.around = () => Promise.reject(new Error('ECONNRESET'))
    await assert.rejects(store.create(entry()))
    mine.around = () => {}
    assert.equal((await store.create(entry())).outcome, 'created')
    await store.ping()
  })
})

describe('a change the cache never answers', () => {
  test('holds the next change of its key up for half a second, and other keys not at all', async () => {
    const { clock, mine, store } = world()
    await store.create(entry())
    mine.around = (operation) => (operation === 'setAuthSession' ? new Promise(() => {}) : undefined)
    void store.replace(key, 1, { value: bytes(2), bump: true })
    let removed = 0
    void store.remove({ key }).then((reply) => (removed = reply.removed))
    await store.remove({ key: 'session:y' })
    await clock.advance(499)
    assert.equal(removed, 0)
    await clock.advance(1)
    assert.equal(removed, 1)
  })

  test('leaves no timer behind where it was answered', async () => {
    const { clock, store } = world()
    await store.create(entry())
    await clock.advance(0)
    assert.equal(clock.pending(), 0)
  })
})

describe('a closed store', () => {
  test('rejects, and the cache is asked for nothing and stays open', async () => {
    const { mine, store, other } = world()
    await store.init({ maxStalenessMs: 1_000 })
    await store.create(entry())
    await store.close()
    await store.close()
    mine.asked.length = 0
    for (const ask of [
      () => store.init({ maxStalenessMs: 1_000 }),
      () => store.read([key]),
      () => store.create(entry({ key: 'session:y' })),
      () => store.replace(key, 1, { value: bytes(2), bump: true }),
      () => store.extend(key, minute),
      () => store.take(key),
      () => store.remove({ key }),
      () => store.remove({ index: 'subject', values: ['hash'] }),
      () => store.list({ index: 'subject', values: ['hash'] }),
      () => store.epochs([]),
      () => store.sweep(1),
      () => store.stats(),
      () => store.ping(),
    ]) {
      await assert.rejects(ask(), { code: 'ERR_CLOSED' })
    }
    assert.deepEqual(mine.asked, [])
    await mustRead(other)
  })
})
