import { CacheEntry } from '../../src/cache/entry.ts'
import type { EvictionPolicyName } from '../../src/cache/config.ts'
import { resolveCacheConfig } from '../../src/cache/config.ts'
import { L1 } from '../../src/cache/l1/l1.ts'
import { TwoTierAuthCache } from '../../src/session/two-tier-auth-cache.ts'
import type { SessionRecord } from '../../src/session/record.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { endlessStore, namesOf } from '../../test/support/endless-store.ts'
import { recordingLogger } from '../../test/support/recording-logger.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { startSessionPartition } from '../../test/support/session-partition.ts'
import { SessionTexts } from '../../test/support/session-shapes.ts'
import type { Contenders, Operations, Run } from '../contest.ts'
import { memoryCaches } from '../peers/memory-caches.mjs'
import { awaiting, awaitingSet, getting, setting } from '../runs.ts'
import { entries, freshKeys, keys, keysInOrder, sessions, ttlMs } from './workload.ts'

/** So many other keys that none of them is remembered when its turn comes again. */
const others = 10 * entries

export const contenders: Contenders = {
  map,
  's3-fifo': () => l1('s3-fifo'),
  lru: () => l1('lru'),
  lfu: () => l1('lfu'),
  'two-tier': twoTier,
  'auth-cache': authCache,
  ...Object.fromEntries(Object.keys(memoryCaches).map((name) => [name, () => peer(name)])),
}

async function map(): Promise<Operations> {
  const values = sessions()
  const cache = new Map(keys.map((key, i) => [key, values[i]!]))
  const get = (key: string): unknown => cache.get(key)
  return {
    hot: { 'map.get': getting(get, keysInOrder()), 'map.get-cut': cutting(get) },
    idle: { 'map.get-idle': oneByOne(get) },
  }
}

/** The first tier alone; the time is passed in, as by who has read the clock already. */
async function l1(policy: EvictionPolicyName): Promise<Operations> {
  const values = sessions()
  const monotonic = performance.now()
  const filled = filledL1(policy, values, monotonic)
  const flooded = filledL1(policy, values, monotonic)
  const get = (key: string): unknown => filled.find(key, monotonic)
  return {
    hot: {
      [`l1.${policy}.get`]: getting(get, keysInOrder()),
      [`l1.${policy}.get-cut`]: cutting(get),
      [`l1.${policy}.miss`]: getting(get, freshKeys(entries), true),
      [`l1.${policy}.set-evict`]: setting(flooded.set, freshKeys(others)),
    },
  }
}

function filledL1(policy: EvictionPolicyName, values: readonly SessionRecord[], monotonic: number) {
  const config = resolveCacheConfig({ l1MaxCapacity: entries, l1MaxBytes: 2 ** 30, l1EvictionPolicy: policy })
  const cache = new L1<SessionRecord>('sessions', config, (error) => {
    throw error
  })
  const times = { createdAt: 0, lastSeenAt: 0, expiresAt: ttlMs }
  const reading = { stamp: 0, at: { monotonic, wall: 0 }, storeNow: 0 }
  const set = (key: string, i: number): void => {
    const item = { text: key, key, value: values[i % entries]!, version: 1, times }
    cache.set(new CacheEntry(item, reading, { bucket: 0, ttlMs }), 4_000, 'normal')
  }
  keys.forEach(set)
  return { find: (key: string, now: number): unknown => cache.find(key, now), set }
}

/** What answers a warm request: lease, epoch and expiry are looked at, on both clocks. */
async function twoTier(): Promise<Operations> {
  const store = endlessStore(new SessionTexts(['typical'], seededRandom(1)))
  const { tiers, partition } = await startSessionPartition(store, { l1MaxCapacity: entries, l1MaxBytes: 2 ** 30 })
  for (const [i, key] of keys.entries()) await partition.load(key, namesOf(i).key)
  const get = (key: string): unknown => partition.serve(key)
  return {
    hot: { 'two-tier.serve': getting(get, keysInOrder()), 'two-tier.serve-cut': cutting(get) },
    idle: { 'two-tier.serve-idle': oneByOne(get) },
    wake: () => tiers.poller.poll(),
  }
}

async function authCache(): Promise<Operations> {
  const { logger } = recordingLogger()
  const cache = new TwoTierAuthCache({ store: memoryStore(), secret: 'x'.repeat(32), l1MaxBytes: 2 ** 30, logger })
  for (const [i, { claims, data, tokens }] of sessions().entries()) {
    await cache.setAuthSession(keys[i]!, { claims, data, ...tokens })
  }
  const get = (key: string): Promise<unknown> => cache.getAuthSession(key)
  return { hot: { 'auth-cache.get': awaiting(get, keysInOrder()) }, wake: () => get(keys[0]!) }
}

async function peer(name: string): Promise<Operations> {
  const values = sessions()
  const make = memoryCaches[name]!
  const [filled, flooded] = [await make({ max: entries, ttlMs }), await make({ max: entries, ttlMs })]
  for (const cache of [filled, flooded]) {
    for (const [i, key] of keys.entries()) await cache.set(key, values[i]!)
  }
  const isAsync = filled.get(keys[0]!) instanceof Promise
  const gets = (order: readonly string[], absent: boolean): Run =>
    isAsync ? awaiting(async (key) => filled.get(key), order, absent) : getting((key) => filled.get(key), order, absent)
  const set = (key: string, i: number) => flooded.set(key, values[i % entries]!)
  return {
    hot: {
      [`peer.${name}.get`]: gets(keysInOrder(), false),
      [`peer.${name}.miss`]: gets(freshKeys(entries), true),
      [`peer.${name}.set-evict`]: isAsync
        ? awaitingSet(async (key, i) => set(key, i), freshKeys(others))
        : setting((key, i) => void set(key, i), freshKeys(others)),
    },
  }
}

/** Gets by keys that were just cut out of a `Cookie` header, so that their hash must be computed. */
function cutting(get: (key: string) => unknown): Run {
  const [before, after] = ['theme=dark; sallyport=', '; lang=en']
  const header = new Map(keys.map((key) => [key, Buffer.from(before + key + after).toString('latin1')]))
  const headers = keysInOrder().map((key) => header.get(key)!)
  const [from, to] = [before.length, before.length + keys[0]!.length]
  return getting((text) => get(text.slice(from, to)), headers)
}

function oneByOne(get: (key: string) => unknown): () => unknown {
  const order = keysInOrder()
  let at = 0
  return () => get(order[at++ % order.length]!)
}
