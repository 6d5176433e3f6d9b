import type { Store } from '../../src/cache/store.ts'
import { wrapStore, type StoreOperation } from './wrapped-store.ts'

export interface HeldStore {
  readonly store: Store
  /** From now on calls wait: with their request, before they take effect, or with their answer. */
  hold(operation: StoreOperation, where: 'request' | 'answer'): void
  /** From now on calls pass again; those that wait go on waiting. */
  pass(operation: StoreOperation): void
  /** How many calls wait. */
  waiting(operation: StoreOperation): number
  /** Lets a waiting call go on: the oldest, or the one at `index` of those that wait. */
  release(operation: StoreOperation, index?: number): void
  /** Makes the oldest waiting call fail, as if the connection had been cut. */
  lose(operation: StoreOperation): void
  /** Never answers the oldest waiting call. */
  forget(operation: StoreOperation): void
  /** How often the operation was called so far. */
  calls(operation: StoreOperation): number
}

interface Gate {
  operation: StoreOperation
  open: () => void
  cut: (error: Error) => void
}

/** A real store whose calls the test delays, reorders and cuts. */
export function heldStore(inner: Store): HeldStore {
  const holding = new Map<StoreOperation, 'request' | 'answer'>()
  const counts = new Map<StoreOperation, number>()
  const gates: Gate[] = []

  function gate(operation: StoreOperation): Promise<void> {
    return new Promise((open, cut) => void gates.push({ operation, open, cut }))
  }

  function takeGate(operation: StoreOperation, index: number): Gate {
    const found = gates.filter((each) => each.operation === operation)[index]
    if (found === undefined) throw new Error(`no call of ${operation} waits at ${index}`)
    gates.splice(gates.indexOf(found), 1)
    return found
  }

  return {
    store: wrapStore(inner, async (operation, call) => {
      counts.set(operation, (counts.get(operation) ?? 0) + 1)
      const where = holding.get(operation)
      if (where === 'request') await gate(operation)
      if (where !== 'answer') return call()
      const [answer] = await Promise.all([call(), gate(operation)])
      return answer
    }),
    hold: (operation, where) => void holding.set(operation, where),
    pass: (operation) => void holding.delete(operation),
    waiting: (operation) => gates.filter((each) => each.operation === operation).length,
    release: (operation, index = 0) => takeGate(operation, index).open(),
    lose: (operation) => takeGate(operation, 0).cut(new Error('the connection was cut')),
    forget: (operation) => void takeGate(operation, 0),
    calls: (operation) => counts.get(operation) ?? 0,
  }
}
