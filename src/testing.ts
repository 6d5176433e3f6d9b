export { manualClock } from './testing/manual-clock.ts'
export type { ManualClock, ManualClockOptions } from './testing/manual-clock.ts'
export { storeContract } from './testing/store-contract.ts'
export type { StoreContext, StoreContractOptions } from './testing/store-contract.ts'
