/**
 * Decides which entry leaves when memory is full.
 *
 * Entries are known by their slots: small integers, handed out from 0 upwards and used again once free. A policy can
 * therefore keep what it knows in typed arrays. It never sees keys or values. No method may throw; one that does, or
 * that names a free slot, is replaced by S3-FIFO, with an error in the log.
 */
export interface EvictionPolicy {
  /**
   * An entry moved into `slot`, which was free. `hash`: 32 bits of its key, the same whenever the same key comes back,
   * so that a policy can remember what it let go of.
   */
  added(slot: number, hash: number): void
  /** The entry in `slot` was asked for. This is the hot path: an assignment or two, no allocation. */
  used(slot: number): void
  /** The entry in `slot` left for a reason of its own: it was ended, changed, or expired. */
  removed(slot: number): void
  /** Chooses the entry that leaves, forgets it, and returns its slot. Called only when there is one. */
  evict(): number
}

/** Makes the policy of one partition. `maxEntries` is its capacity; a bound in bytes may make it hold fewer. */
export type CreateEvictionPolicy = (maxEntries: number) => EvictionPolicy
