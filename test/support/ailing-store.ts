import type { Store } from '../../src/cache/store.ts'
import type { Clock } from '../../src/shared/clock.ts'
import { wrapStore, type StoreOperation } from './wrapped-store.ts'

/** `hangs`: no operation is answered that is sent now; those of `slowMs` are, after that time. */
export type Ailment = 'throws' | 'hangs' | { slowMs: number } | undefined

export interface AilingStore {
  readonly store: Store
  /** What is sent from now on meets this; `undefined`: the store is well. */
  fall(ailment: Ailment): void
  /** What was sent, and when by the monotonic clock. */
  readonly sent: { operation: StoreOperation; at: number }[]
}

/** A real store with a history of illness, on a clock of the test's own. */
export function ailingStore(inner: Store, clock: Clock): AilingStore {
  let ailment: Ailment
  const sent: AilingStore['sent'] = []
  return {
    store: wrapStore(inner, async (operation, call) => {
      sent.push({ operation, at: clock.monotonic() })
      if (ailment === 'throws') throw new Error('the connection was refused')
      if (ailment === 'hangs') return new Promise(() => {})
      if (ailment !== undefined) {
        const { slowMs } = ailment
        await new Promise<void>((resolve) => void clock.setTimer(resolve, slowMs))
      }
      return call()
    }),
    fall: (next) => void (ailment = next),
    sent,
  }
}
