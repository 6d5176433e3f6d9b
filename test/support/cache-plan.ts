import type { TroubleName } from './cache-troubles.ts'
import { latencies } from './link.ts'
import type { Latency } from './link.ts'
import type { SeededRandom } from './seeded-random.ts'

/** `beside`: a key that nobody uses, in a bucket that all use. */
export type RemoveName = 'remove by key' | 'remove this version' | 'remove by subject' | 'remove beside'

/** What an instance is asked to write. */
export type WriteName = 'create' | 'replace for all' | 'replace quietly' | 'extend' | 'take' | RemoveName

/** What one run is about. */
export interface CachePlan {
  maxStalenessMs: number
  operationTimeoutMs: number
  /** How long memory may answer beyond that while the store does not. */
  graceMs: number
  enableL1: boolean
  capacity: number
  instances: number
  push: 'none' | 'same store object' | 'bus' | 'bad bus'
  latency: Latency
  /** How many calls get lost, and how many polls. */
  lossRate: number
  pollLossRate: number
  /** How long entries live that are not touched. */
  idleMs: number
  /** Whether the instances are ready, and have something in memory, when it begins. */
  isWarm: boolean
  /** How long all instances are asked, how often each, and how often somebody else writes. */
  forMs: number
  gets: number
  writes: number
  writesOutside: number
  /** How often somebody else writes at the very moment when an operation of an instance has taken effect. */
  ambushes: number
  /** How often each kind of write, in relation to the others. */
  weights: Readonly<Record<WriteName, number>>
  troubles: readonly TroubleName[]
  /** Whether what a store loses, which nobody can keep, is not held against anybody. */
  forgivesLosses: boolean
  /** Whether nobody asks for so long that nobody polls any more. */
  rests: boolean
}

export const cacheLatencies = {
  ...latencies,
  /** A read may be under way for longer than it may be joined. */
  verySlowReads: (random, operation) => random.between(0, operation === 'read' ? 500 : 10),
  /** A poll takes as long as it may: much happens before it is answered. */
  slowPolls: (random, operation) => random.between(0, operation === 'epochs' ? 150 : 10),
  /** A write is answered long after it was done, or done long after it was sent. */
  slowWrites: (random, operation) => random.between(0, operation === 'read' || operation === 'epochs' ? 10 : 200),
} satisfies Record<string, Latency>

const anyLatency: readonly Latency[] = Object.values(cacheLatencies)

export const noWrites: CachePlan['weights'] = {
  create: 0,
  'replace for all': 0,
  'replace quietly': 0,
  extend: 0,
  take: 0,
  'remove by key': 0,
  'remove this version': 0,
  'remove by subject': 0,
  'remove beside': 0,
}

/** What the seed decides; every run does without some things, so that others happen more often. */
export function anyCachePlan(random: SeededRandom, possible: readonly TroubleName[]): CachePlan {
  const maxStalenessMs = random.pick([300, 600, 1_000])
  const often = (usually: number): number => usually * random.pick([0, 1, 3])
  return {
    maxStalenessMs,
    operationTimeoutMs: random.pick([100, 400, 1_000]),
    graceMs: random.pick([0, 0, 0, 1_000]),
    enableL1: random.chance(0.97),
    capacity: random.pick([1, 100, 100]),
    instances: random.pick([1, 2, 2, 3]),
    push: random.pick(['none', 'none', 'same store object', 'bus', 'bad bus', 'bad bus']),
    latency: random.pick(anyLatency),
    lossRate: random.pick([0, 0, 0.05, 0.2]),
    pollLossRate: random.pick([0, 0, 0.4, 0.8]),
    idleMs: random.pick([3_600_000, 3_600_000, maxStalenessMs]),
    isWarm: random.chance(0.8),
    forMs: maxStalenessMs * random.pick([0.4, 0.8, 1.2]),
    gets: random.pick([6, 12]),
    writes: random.pick([2, 4]),
    writesOutside: random.pick([0, 1, 3]),
    ambushes: random.pick([0, 1, 3]),
    weights: {
      create: often(1),
      'replace for all': often(4),
      'replace quietly': often(3),
      extend: often(3),
      take: often(2),
      'remove by key': 1 + often(1),
      'remove this version': often(1),
      'remove by subject': often(2),
      'remove beside': often(1),
    },
    troubles: possible.filter(() => random.chance(1.2 / possible.length)),
    forgivesLosses: true,
    rests: random.chance(0.02),
  }
}
