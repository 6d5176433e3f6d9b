import type { Store } from '../../src/cache/store.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { wrapStore } from '../../test/support/wrapped-store.ts'
import type { SecondTier } from '../peers/two-tier-caches.mjs'

/** How far away the second tier is, for everybody. */
const latencyMs = 0.2

/** Counts the round trips that read. */
export interface Counted {
  reads(): number
}

export function slowStore(): { store: Store } & Counted {
  let reads = 0
  const store = wrapStore(memoryStore(), async (operation, call) => {
    if (operation === 'read') reads++
    await answerOnTheWay()
    return call()
  })
  return { store, reads: () => reads }
}

export function slowTexts(): { l2: SecondTier } & Counted {
  const texts = new Map<string, string>()
  let reads = 0
  const l2 = {
    async read(key: string) {
      reads++
      await answerOnTheWay()
      return texts.get(key)
    },
    async write(key: string, text: string) {
      await answerOnTheWay()
      texts.set(key, text)
    },
  }
  return { l2, reads: () => reads }
}

interface Waiting {
  dueAt: number
  resolve: () => void
}

/** In the order of their turns, which is the order of when they are due. */
const waiting: Waiting[] = []

/** No timer is this fine: the event loop turns until the time has come. */
function answerOnTheWay(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push({ dueAt: performance.now() + latencyMs, resolve })
    if (waiting.length === 1) setImmediate(deliver)
  })
}

function deliver(): void {
  const now = performance.now()
  const due = waiting.findIndex(({ dueAt }) => dueAt > now)
  const arrived = waiting.splice(0, due === -1 ? waiting.length : due)
  if (waiting.length > 0) setImmediate(deliver)
  for (const { resolve } of arrived) resolve()
}
