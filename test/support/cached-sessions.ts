import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { TestContext } from 'node:test'
import { isSallyportError, TwoTierAuthCache } from '../../src/index.ts'
import type { AuthSession, CacheEvent, Json, Store, TwoTierAuthCacheOptions } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { manualClock, type ManualClock } from '../../src/testing/manual-clock.ts'
import { secret } from './app.ts'
import { countingStore, type CountingStore } from './counting-store.ts'
import { recordingLogger, type LogLine } from './recording-logger.ts'
import { seededRandom } from './seeded-random.ts'
import { watch, type Watched } from './watch.ts'

/** A seven-operation cache on a manual clock, and what went on below it. */
export interface Started {
  readonly cache: TwoTierAuthCache
  readonly clock: ManualClock
  /** What reached the store. */
  readonly counting: CountingStore
  readonly lines: LogLine[]
}

export interface StartPlan extends Partial<Omit<TwoTierAuthCacheOptions, 'clock'>> {
  clock?: ManualClock
  /** That of another cache: the two share a store object then, and what one changes is pushed to the other. */
  counting?: CountingStore
}

/** How many caches a test has started: each has chances of its own, the same in every run. */
const seeds = new WeakMap<TestContext, number>()

/** Each call is another process, also on a common `store`: the object around it is its own, so nothing is pushed. */
export function startCache(t: TestContext, plan: StartPlan = {}): Started {
  const { clock = manualClock(), store = memoryStore({ clock }), counting = countingStore(store), ...options } = plan
  const seed = (seeds.get(t) ?? 0) + 1
  seeds.set(t, seed)
  const { logger, lines } = recordingLogger()
  const cache = new TwoTierAuthCache({
    store: counting.store,
    secret,
    clock,
    logger,
    randomness: seededRandom(seed),
    ...options,
  })
  t.after(() => cache.close())
  return { cache, clock, counting, lines }
}

/** The session of `sub`, told from every other by all it holds. */
export function sessionOf(sub: string, data: Record<string, Json> = {}): AuthSession {
  return {
    accessToken: `access-token-of-${sub}`,
    tokenType: 'Bearer',
    refreshToken: `refresh-token-of-${sub}`,
    claims: { sub, iss: 'https://login.example' },
    data: { owner: sub, ...data },
  }
}

/** About `kilobytes` of data that no two sessions have in common. */
export function ballast(sub: string, kilobytes: number): Record<string, Json> {
  return { ballast: `${sub} `.padEnd(kilobytes * 1_024, sub) }
}

export const idsUpTo = (count: number, prefix = 'id'): string[] => Array.from({ length: count }, (_, i) => prefix + i)

/** Puts the session of each id there, one after another, so that what comes later is later for everybody. */
export async function setAll({ cache }: Pick<Started, 'cache'>, ids: readonly string[]): Promise<void> {
  for (const id of ids) await cache.setAuthSession(id, sessionOf(id))
}

/** Whether the session is there and is the one of this id; how many reads of the store that cost. */
export async function readsToGet({ cache, counting }: Started, id: string): Promise<number> {
  const before = counting.count('read')
  const found = await cache.getAuthSession(id)
  if (found?.claims.sub !== id) throw new Error(`asked for ${id}, got ${found?.claims.sub}`)
  return counting.count('read') - before
}

/** Asks every `stepMs` for `forMs`, so that polling goes on. */
export async function keepAsking(
  clock: ManualClock,
  { stepMs = 500, forMs }: { stepMs?: number; forMs: number },
  ask: () => Promise<unknown>,
): Promise<void> {
  for (let passed = 0; passed < forMs; passed += stepMs) {
    await clock.advance(Math.min(stepMs, forMs - passed))
    await ask()
  }
}

/**
 * What came of work that may be refused: with an error of ours, or one that says what was wrong with an argument. An
 * error of Node's own, or one that nobody meant, is no answer.
 */
export async function clearErrorOf<T>(work: () => Promise<T>): Promise<{ error?: Error; value?: T }> {
  try {
    return { value: await work() }
  } catch (error) {
    if (isSallyportError(error)) return { error }
    const isMeant = (error instanceof TypeError || error instanceof RangeError) && !('code' in error)
    if (!isMeant || /cannot (read|set|convert|mix)|is not (a function|iterable)/i.test(error.message)) throw error
    return { error }
  }
}

/** Lets a manual clock go on until `work` has settled, for `limitMs` at most; tells what came of it and how long it took. */
export async function settled<T>(
  clock: ManualClock,
  work: Promise<T>,
  { stepMs = 50, limitMs = 10_000 } = {},
): Promise<Watched<T> & { tookMs: number }> {
  const watched = watch(work)
  const startedAt = clock.monotonic()
  await clock.advance(0)
  while (watched.state === 'pending' && clock.monotonic() - startedAt < limitMs) await clock.advance(stepMs)
  return { ...watched, tookMs: clock.monotonic() - startedAt }
}

/** What is published on `sallyport:cache` while the test runs. */
export function recordEvents(t: TestContext): CacheEvent[] {
  const events: CacheEvent[] = []
  const record = (event: unknown): void => void events.push(event as CacheEvent)
  subscribe('sallyport:cache', record)
  t.after(() => unsubscribe('sallyport:cache', record))
  return events
}

/** A real store, but for the operations given. */
export function alteredStore(inner: Store, altered: Partial<Store>): Store {
  return new Proxy(inner, {
    get(target, name) {
      if (Object.hasOwn(altered, name)) return Reflect.get(altered, name) as unknown
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
