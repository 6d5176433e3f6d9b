// node --expose-gc bench/memory/fill.ts <cache>: prints the bytes that each of 10,000 sessions takes in it.
import { seededRandom } from '../../test/support/seeded-random.ts'
import { endlessStore, namesOf } from '../../test/support/endless-store.ts'
import { usedHeap } from '../../test/support/heap.ts'
import { startSessionPartition } from '../../test/support/session-partition.ts'
import { SessionTexts } from '../../test/support/session-shapes.ts'
import { deepFreeze } from '../../src/session/record.ts'
import { entries, ttlMs } from '../l1/workload.ts'
import { memoryCaches } from '../peers/memory-caches.mjs'

/** Takes the session with this number in. */
type Add = (serial: number) => Promise<unknown>

interface Filling {
  add: Add
  /** What the cache itself believes to hold. */
  estimate?(): number
}

const texts = new SessionTexts(['typical'], seededRandom(1))
const caches: Record<string, () => Promise<Filling>> = { map, 'lru-cache': lruCache, l1 }

const start = caches[process.argv[2]!]!
await warmUp()

const before = used()
const { add, estimate } = await start()
for (let serial = 0; serial < entries; serial++) await add(serial)
console.log(JSON.stringify({ bytes: (used() - before) / entries, estimate: (estimate?.() ?? 0) / entries }))
// Whatever keeps it alive.
await add(0)
process.exit()

/** What the first one takes that others do not, such as compiled code, is nobody's. */
async function warmUp(): Promise<void> {
  const first = await start()
  for (let serial = 0; serial < 100; serial++) await first.add(serial)
}

function used(): number {
  return usedHeap() + process.memoryUsage().arrayBuffers
}

function sessionOf(serial: number): object {
  return deepFreeze(JSON.parse(texts.text(serial).toString()) as object)
}

/** Of 43 characters, one piece of memory each. */
function keyOf(serial: number): string {
  return Buffer.from(String(serial).padStart(43, 'k')).toString('latin1')
}

async function map(): Promise<Filling> {
  const cache = new Map<string, object>()
  return { add: async (serial) => cache.set(keyOf(serial), sessionOf(serial)) }
}

async function lruCache(): Promise<Filling> {
  const cache = await memoryCaches['lru-cache']!({ max: entries, ttlMs })
  return { add: async (serial) => cache.set(keyOf(serial), sessionOf(serial)) }
}

/** With all that coherence and invalidation need: the store key beside the cookie's text, times, epoch, version. */
async function l1(): Promise<Filling> {
  const { partition } = await startSessionPartition(endlessStore(texts), { l1MaxCapacity: entries })
  return {
    async add(serial) {
      const { text, key } = namesOf(serial)
      await partition.load(text, key)
    },
    estimate: () => partition.stats().bytes,
  }
}
