import type { Store } from '../../src/cache/store.ts'
import { wrapStore } from './wrapped-store.ts'

export interface FailingStore {
  readonly store: Store
  /** Every operation rejects from now on. */
  throwAlways(): void
  /** No operation is ever answered from now on. */
  hangAlways(): void
  heal(): void
}

/** A real store that stops answering on demand. */
export function failingStore(inner: Store): FailingStore {
  let mode: 'well' | 'throwing' | 'hanging' = 'well'
  return {
    store: wrapStore(inner, (_operation, call) => {
      if (mode === 'throwing') return Promise.reject(new Error('the database is gone'))
      if (mode === 'hanging') return new Promise(() => {})
      return call()
    }),
    throwAlways: () => void (mode = 'throwing'),
    hangAlways: () => void (mode = 'hanging'),
    heal: () => void (mode = 'well'),
  }
}
