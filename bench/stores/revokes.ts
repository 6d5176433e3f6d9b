import type { Store } from '../../src/cache/store.ts'
import type { Contestant } from './contestant.ts'

const writers = 32
const revokes = 3_200
const value = new Uint8Array(64)

/** Sign-outs per second, 32 at once: each removes an entry of its own and raises its bucket's epoch in one unit. */
export async function revokesPerSecond(store: Store, label: string): Promise<number> {
  await store.init({ maxStalenessMs: 1_000 })
  const keys = keysOf(label)
  await inTurns(keys, (key) => store.create({ key, value, lifetime: { idleMs: 3_600_000 } }))
  return inTurns(keys, (key) => store.remove({ key }))
}

/** The same without anybody to tell: the driver's own way to delete. */
export async function deletesPerSecond(contestant: Contestant, label: string): Promise<number> {
  const keys = keysOf(label)
  await contestant.fill(keys, value)
  return inTurns(keys, (key) => contestant.remove(key))
}

function keysOf(label: string): string[] {
  return Array.from({ length: revokes }, (_, i) => `${label}-${i}`)
}

async function inTurns(keys: readonly string[], work: (key: string) => Promise<unknown>): Promise<number> {
  const left = [...keys]
  const startedAt = performance.now()
  const worker = async (): Promise<void> => {
    for (let key = left.pop(); key !== undefined; key = left.pop()) await work(key)
  }
  await Promise.all(Array.from({ length: writers }, worker))
  return (keys.length / (performance.now() - startedAt)) * 1_000
}
