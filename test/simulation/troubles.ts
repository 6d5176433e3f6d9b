import type { TroubleName } from '../support/cache-troubles.ts'

export const faults: readonly TroubleName[] = [
  'stop',
  'suspend',
  'wall step',
  'kill',
  'polls lost',
  'cut off',
  'store down',
  'many bumps',
  'store clock step',
]

export const losses: readonly TroubleName[] = [
  'restored',
  'replaced',
  'moved',
  'moved during a poll',
  'stop',
  'polls lost',
  'kill',
  'late push',
]
