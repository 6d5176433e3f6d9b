import type { PeerCache } from './memory-caches.mjs'

/** A second tier of texts. */
export interface SecondTier {
  read(key: string): Promise<string | undefined>
  write(key: string, text: string): Promise<void>
}
export declare const twoTierCaches: Record<
  string,
  (l2: SecondTier, room: { max: number; ttlMs: number }) => Promise<PeerCache>
>
