/** The epoch bucket of a store key. Every store and instance must agree on it. */
export function bucketOf(key: string, buckets: number): number {
  return hashOf(key) % buckets
}

/** FNV-1a over the UTF-16 code units, 32 bits. */
export function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) {
    hash ^= key.charCodeAt(i)
    hash = Math.imul(hash, 0x01000193)
  }
  return hash >>> 0
}

/** The next number of a bucket: never used twice, even after a restore of the store. */
export function nextEpoch(prev: number, storeNow: number): number {
  return Math.max(prev + 1, Math.floor(storeNow))
}
