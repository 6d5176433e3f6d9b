import { bucketOf, nextEpoch } from '../../cache/bucket.ts'
import type { Bump, RemoveTarget } from '../../cache/store.ts'

/** Epoch buckets of a store that reads all of them for nothing. */
export const bucketCount = 256

/** With more keys than this in one bump the receiver is better off dropping the bucket. */
export const maxNamedKeys = 50
/** Bumps a bucket remembers, so that a poll drops exactly the keys a push would have. */
export const maxRemembered = 8

/** A bump, but for whose it is. */
export type Rise = Omit<Bump, 'incarnation'>

/** The keys of one unit, by bucket in ascending order: one bump each. */
export function byBucket(keys: Iterable<string>): [bucket: number, keys: string[]][] {
  const groups = new Map<number, string[]>()
  for (const key of new Set(keys)) {
    const bucket = bucketOf(key, bucketCount)
    const group = groups.get(bucket)
    if (group === undefined) groups.set(bucket, [key])
    else group.push(key)
  }
  return [...groups].sort(([a], [b]) => a - b)
}

/** What takes a bucket from `prev` on. */
export function riseFrom(bucket: number, prev: number, keys: readonly string[], storeNow: number): Rise {
  return { bucket, prev, n: nextEpoch(prev, storeNow), keys: keys.length > maxNamedKeys ? '*' : keys }
}

/** A bucket's memory with one more bump in it, oldest first. */
export function remembering<B extends Pick<Bump, 'n'>>(recent: readonly B[], bump: B): B[] {
  return [...recent.slice(1 - maxRemembered), bump]
}

/** What a removal bumps: what it removed, and a key named without a condition even if nothing was there. */
export function keysToBump(target: RemoveTarget, removed: readonly string[]): readonly string[] {
  return 'key' in target && !('ifVersion' in target) ? [target.key] : removed
}

/**
 * What a poll compares first: if both are what the store has, no number is another. Numbers fall only where a store was
 * restored, and whatever was bumped since is above all that anybody knew.
 */
export function totalsOf(numbers: readonly number[]): { sum: number; max: number } {
  return { sum: numbers.reduce((sum, n) => sum + n, 0), max: Math.max(...numbers) }
}
