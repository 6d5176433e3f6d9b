// node --expose-gc test/memory/fill-with-shape.ts <shape>: sessions of one shape in L1; prints what they take, and what
// L1 believes they take.
import { setImmediate } from 'node:timers/promises'
import { endlessStore, namesOf } from '../support/endless-store.ts'
import { usedHeap } from '../support/heap.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { startSessionPartition } from '../support/session-partition.ts'
import { sessionShapes, SessionTexts } from '../support/session-shapes.ts'

const shape = sessionShapes.find((each) => each === process.argv[2])!
const sessions = 8_000
const atOnce = 100

const store = endlessStore(new SessionTexts([shape], seededRandom(1), 2_000))
const { tiers, partition } = await startSessionPartition(store, { l1MaxCapacity: sessions, l1MaxBytes: 2 ** 30 })

await load(0)
partition.dropAll()
const before = usedHeap()
await load(sessions)
const heap = usedHeap() - before
const { entries, bytes } = partition.stats()
console.log(JSON.stringify({ entries, heap, estimate: bytes }))
await tiers.close()

async function load(from: number): Promise<void> {
  for (let serial = from; serial < from + sessions; serial += atOnce) {
    const names = Array.from({ length: atOnce }, (_, i) => namesOf(serial + i))
    await Promise.all(names.map(({ text, key }) => partition.load(text, key)))
    await setImmediate()
  }
}
