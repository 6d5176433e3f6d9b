/** The epoch bucket of a store key: FNV-1a over its UTF-16 code units, so that every store and instance agrees. */
export function bucketOf(key: string, buckets: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) {
    hash ^= key.charCodeAt(i)
    hash = Math.imul(hash, 0x01000193)
  }
  return (hash >>> 0) % buckets
}

/** The next number of a bucket: never used twice, even after a restore of the store. */
export function nextEpoch(prev: number, storeNow: number): number {
  return Math.max(prev + 1, Math.floor(storeNow))
}
