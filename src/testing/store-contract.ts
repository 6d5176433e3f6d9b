import type { Store } from '../cache/store.ts'
import { manualClock, type ManualClock } from './manual-clock.ts'
import type { ContractBench, DefineCase, Need } from './store-contract/bench.ts'
import { capabilityCases } from './store-contract/capabilities.ts'
import { entryCases } from './store-contract/entries.ts'
import { epochCases } from './store-contract/epochs.ts'
import { expiryCases } from './store-contract/expiry.ts'
import { listingCases } from './store-contract/listing.ts'
import { raceCases } from './store-contract/races.ts'
import { removalCases } from './store-contract/removal.ts'
import { replacingCases } from './store-contract/replacing.ts'
import { upkeepCases } from './store-contract/upkeep.ts'
import { writingManyCases } from './store-contract/writing-many.ts'

/** What is needed of a runner's own context, where it has one. */
export interface RunnerContext {
  skip?: (reason: string) => void
}

/** What a store is made for. */
export interface StoreContext {
  /** Time, for a store that takes its clock as an option. */
  clock: ManualClock
  /** Another one for every store that has to be empty, e.g. to name a file or a table: `case1`, `case2`, … */
  id: string
}

export interface StoreContractOptions {
  /**
   * The runner's own, e.g. `test` of `node:test` or of Vitest. What it hands to `run` is used only to say that a case was
   * skipped, and why.
   */
  test: (name: string, run: (context?: RunnerContext) => Promise<void>) => unknown
  /** Makes a fresh, empty store. The suite calls `init` and `close`. */
  createStore: (context: StoreContext) => Store | Promise<Store>
  /**
   * Makes another store of the data that one of the same `id` works on, or left when it was closed. Absent: whether a
   * durable store survives its process, and whether pushes arrive, stays untested.
   */
  reopenStore?: (context: StoreContext) => Store | Promise<Store>
  /** Lets `ms` pass by the store's clock. Default: moves `context.clock`; a server with a clock of its own has to wait. */
  advance?: (ms: number) => Promise<void>
}

/**
 * Defines one test per guarantee of the `Store` contract. A store that passes them all is good enough for every
 * promise its declared capabilities allow; cases for a capability it does not declare are skipped.
 *
 * ```ts
 * import { test } from 'node:test'
 * import { storeContract } from 'sallyport/testing'
 *
 * storeContract({ test, createStore: ({ clock }) => myStore({ clock }) })
 * ```
 */
export function storeContract(options: StoreContractOptions): void {
  let stores = 0
  const nextContext: NextContext = (clock) => ({ clock, id: `case${++stores}` })
  const define: DefineCase = (name, run, ...needs) => {
    // Some runners wait for a callback where a function has a parameter: this one shows none.
    options.test(`store contract: ${name}`, (...[context]: [RunnerContext?]) =>
      runCase(options, nextContext, { run, needs, context }),
    )
  }
  entryCases(define)
  expiryCases(define)
  replacingCases(define)
  removalCases(define)
  epochCases(define)
  listingCases(define)
  raceCases(define)
  writingManyCases(define)
  upkeepCases(define)
  capabilityCases(define)
}

type NextContext = (clock: ManualClock) => StoreContext

interface Case {
  run: (bench: ContractBench) => Promise<void>
  needs: readonly Need[]
  context: RunnerContext | undefined
}

async function runCase(
  options: StoreContractOptions,
  nextContext: NextContext,
  { run, needs, context: runner }: Case,
): Promise<void> {
  const clock = manualClock()
  const context = nextContext(clock)
  const opened: Store[] = []
  const opening = async (made: Store | Promise<Store>): Promise<Store> => {
    const store = await made
    opened.push(store)
    await store.init({ maxStalenessMs: 1_000 })
    return store
  }
  const { createStore, reopenStore, advance = (ms) => clock.advance(ms) } = options
  try {
    const store = await opening(createStore(context))
    const bench: ContractBench = {
      store,
      clock,
      advance,
      brief: Math.max(200, 4 * store.capabilities.granularityMs),
      another: () => opening(createStore(nextContext(clock))),
      reopen: reopenStore && (() => opening(reopenStore(context))),
    }
    const lacks = needs.map((need) => need(bench)).find((reason) => reason !== undefined)
    if (lacks === undefined) await run(bench)
    else runner?.skip?.(lacks)
  } finally {
    for (const store of opened) await store.close()
  }
}
