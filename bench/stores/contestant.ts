import { resolveCacheConfig } from '../../src/cache/config.ts'
import type { Store } from '../../src/cache/store.ts'
import { TwoTierCache } from '../../src/cache/two-tier-cache.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { systemRandomness } from '../../src/shared/randomness.ts'
import { recordingLogger } from '../../test/support/recording-logger.ts'

/** One way to a database: through its raw driver, or through a store of ours with what stands before it. */
export interface Contestant {
  name: string
  /** The contestant this one is compared with. */
  versus?: string
  fill(keys: readonly string[], value: Uint8Array): Promise<void>
  /** The value; rejects if it is not there. */
  get(key: string): Promise<Uint8Array>
  /** Replaces the value of `version` by one of the next. Rejects if it is of another. */
  write(key: string, version: number, value: Uint8Array): Promise<void>
  remove(key: string): Promise<void>
  close(): Promise<void>
}

const hour = 3_600_000

/** Long enough for a machine that does other things too. */
const operationTimeoutMs = 20_000

export async function oursOver(name: string, versus: string, store: Store): Promise<Contestant> {
  const tiers = new TwoTierCache({
    store,
    config: resolveCacheConfig({ operationTimeoutMs }),
    clock: systemClock,
    randomness: systemRandomness,
    logger: recordingLogger().logger,
  })
  await tiers.ready()
  return {
    name,
    versus,
    async fill(keys, value) {
      await Promise.all(
        keys.map(async (key) => {
          const indexes = { subject: `subject of ${key}` }
          const { outcome } = await tiers.batchedWrites.create({ key, value, lifetime: { idleMs: hour }, indexes })
          check(outcome === 'created', name)
        }),
      )
    },
    async get(key) {
      const { entry } = await tiers.reads.read(key, () => {})
      return there(entry?.value, name)
    },
    async write(key, version, value) {
      const { outcome } = await tiers.batchedWrites.replace(key, version, { value, bump: false })
      check(outcome === 'replaced', name)
    },
    async remove(key) {
      check((await tiers.store.remove({ key })).removed === 1, name)
    },
    close: () => tiers.close(),
  }
}

/** Throws if an operation did not do what it was measured for. */
export function check(isDone: boolean, name: string): void {
  if (!isDone) throw new Error(`${name} did not do what it was asked for`)
}

export function there(value: Uint8Array | null | undefined, name: string): Uint8Array {
  if (value === null || value === undefined) throw new Error(`${name} did not find what it was asked for`)
  return value
}
