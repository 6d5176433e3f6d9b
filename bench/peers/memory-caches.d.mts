export interface PeerCache {
  get(key: string): unknown
  set(key: string, value: object): void | Promise<void>
}
export declare const memoryCaches: Record<string, (room: { max: number; ttlMs: number }) => Promise<PeerCache>>
