// node --expose-gc test/memory/fill-l1.ts <sessions>: many sessions pass through one L1; prints what the heap did.
import { setImmediate } from 'node:timers/promises'
import { endlessStore, namesOf } from '../support/endless-store.ts'
import { usedHeap } from '../support/heap.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { startSessionPartition } from '../support/session-partition.ts'
import { mixedShapes, SessionTexts } from '../support/session-shapes.ts'

const sessions = Number(process.argv[2])
const samples = 10
const atOnce = 100

const store = endlessStore(new SessionTexts(mixedShapes, seededRandom(1)))
const { tiers, partition } = await startSessionPartition(store, { l1MaxCapacity: 50_000, l1MaxBytes: 64 * 2 ** 20 })

await pass(0, 5_000)
partition.dropAll()
const start = usedHeap()
const heaps: number[] = []
for (let sample = 0; sample < samples; sample++) {
  await pass((sample * sessions) / samples, ((sample + 1) * sessions) / samples)
  heaps.push(usedHeap() - start)
}
console.log(JSON.stringify({ heaps, stats: partition.stats() }))
await tiers.close()

async function pass(from: number, to: number): Promise<void> {
  for (let serial = from; serial < to; serial += atOnce) {
    const loads = Array.from({ length: atOnce }, (_, i) => namesOf(serial + i))
    await Promise.all(loads.map(({ text, key }) => partition.load(text, key)))
    await setImmediate()
  }
}
