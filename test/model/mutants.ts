import type { ModelName } from './models.ts'
import { protocol, type Rules } from './rules.ts'

/** The protocol without one of its rules. */
export interface Mutant {
  name: string
  without: keyof Rules
  /** Another one, where it covers the first: without either alone nothing breaks. */
  alsoWithout?: keyof Rules
  /** The model that must notice, and the invariant that it must find broken. */
  model: ModelName
  breaks: string
}

const stale = 'bounded staleness'
const backwards = 'versions never go backwards'
const resurrected = 'no resurrection'
const another = 'nothing from before the store was another'

/** At least one for every rule: who takes a rule for superfluous finds here what it is for. */
export const mutants: readonly Mutant[] = [
  // Serve
  { name: 'no lease', without: 'lease', model: 'one reader', breaks: stale },
  { name: 'the floor is not looked at', without: 'floor', model: 'one reader', breaks: stale },
  { name: 'the wall clock alone', without: 'monotonicClock', model: 'two clocks', breaks: stale },
  { name: 'the monotonic clock alone', without: 'wallClock', model: 'two clocks', breaks: stale },
  { name: 'clocks read by a timer', without: 'clockReadAtServe', model: 'two clocks', breaks: stale },

  // Insert
  { name: 'stamp at insert', without: 'markBeforeSend', model: 'one reader', breaks: stale },
  { name: 'no check at insert', without: 'insertCheck', model: 'one reader', breaks: stale },
  { name: 'an entry as old as the reply', without: 'readAgeFromSend', model: 'one reader', breaks: stale },
  { name: 'write-through without the check', without: 'writtenCheck', model: 'two readers', breaks: stale },
  {
    name: 'reads kept while a write is open',
    without: 'noReadKeptWhileWriting',
    model: 'own writes',
    breaks: 'nothing served while revoking',
  },
  {
    name: 'every overlapping write kept',
    without: 'writeStandsAlone',
    model: 'own writes',
    breaks: 'nothing served while revoking',
  },
  { name: 'a write kept over a newer read', without: 'writeYieldsToReads', model: 'own writes', breaks: backwards },
  {
    name: 'a write kept though another found nothing',
    without: 'newsIsNoted',
    model: 'own writes',
    breaks: backwards,
  },
  {
    name: 'older entry left beside a newer answer',
    without: 'newerDropsOlder',
    model: 'own writes',
    breaks: backwards,
  },
  {
    name: 'entry left though a read found nothing',
    without: 'absentDrops',
    model: 'overlapping reads',
    breaks: backwards,
  },

  // Join
  {
    name: 'joining any read in flight',
    without: 'joinYoungOnly',
    model: 'overlapping reads',
    breaks: 'joined answers are bounded too',
  },
  { name: 'joining a detached read', without: 'joinAttachedOnly', model: 'overlapping reads', breaks: backwards },
  {
    name: 'a detached flight inserting',
    without: 'detachedNeverInserts',
    model: 'overlapping reads',
    breaks: backwards,
  },
  { name: 'an overtaken flight inserting', without: 'sendingDetaches', model: 'overlapping reads', breaks: backwards },
  {
    name: 'a flight kept that overtook another',
    without: 'landingDetaches',
    model: 'overlapping reads',
    breaks: backwards,
  },
  { name: 'a write detaching only when sent', without: 'writeDetachesAgain', model: 'own writes', breaks: backwards },
  {
    name: 'a drop that leaves the flight',
    without: 'dropDetaches',
    alsoWithout: 'foreignBumpVoids',
    model: 'another store, removal',
    breaks: 'an own removal is seen at once',
  },

  // Poll
  { name: 'freshness from reply time', without: 'freshAsOfSend', model: 'one reader', breaks: stale },
  { name: 'heartbeat without position', without: 'pollBringsNumbers', model: 'one reader', breaks: stale },
  { name: 'a missing number is no news', without: 'missingIsUnknown', model: 'one reader', breaks: stale },
  { name: 'lagging replica', without: 'pollAsksPrimary', model: 'one reader', breaks: stale },
  { name: 'an explanation with a gap', without: 'recentMustContinue', model: 'one reader', breaks: stale },
  { name: 'only "rose" is noticed', without: 'fallDropsBucket', model: 'another store, touch', breaks: another },
  { name: 'a fall that spares flights', without: 'fallVoids', model: 'another store, touch', breaks: another },
  {
    name: 'another incarnation that clears nothing',
    without: 'incarnationClears',
    model: 'another store, touch',
    breaks: another,
  },
  {
    name: 'another incarnation that spares flights',
    without: 'incarnationVoids',
    model: 'another store, touch',
    breaks: another,
  },

  // Bump
  { name: 'bump not atomic', without: 'bumpIsAtomic', model: 'one reader', breaks: stale },
  { name: 'numbers used again after a restore', without: 'numberIsNew', model: 'another store, touch', breaks: stale },
  {
    name: 'own bump older than known not dropping',
    without: 'ownBumpDrops',
    model: 'another store, removal',
    breaks: 'an own removal is seen at once',
  },
  {
    name: 'own bump of another store',
    without: 'ownTellsIncarnation',
    model: 'another store, another key',
    breaks: stale,
  },

  {
    name: 'own bump of another store taken for known',
    without: 'ownTellsIncarnation',
    model: 'another store, removal beside a refresh',
    breaks: 'an own removal is seen at once',
  },
  {
    name: 'own bump of another store that spares writes',
    without: 'foreignBumpVoids',
    model: 'another store, removal beside a refresh',
    breaks: 'an own removal is seen at once',
  },

  // Push
  { name: 'one push per key instead of per unit', without: 'onePushPerUnit', model: 'one reader', breaks: stale },
  { name: 'pushes without incarnation', without: 'pushTellsIncarnation', model: 'another store, touch', breaks: stale },
  { name: 'gap ignored', without: 'gapRaisesFloor', model: 'one reader', breaks: stale },
  { name: 'an old push applied', without: 'oldPushIgnored', model: 'two readers', breaks: stale },

  // Revoke, update, touch
  {
    name: 'revoke that leaves memory until it is done',
    without: 'revokeDropsFirst',
    model: 'two readers',
    breaks: 'nothing served while revoking',
  },
  { name: 'upsert update', without: 'updateIsConditional', model: 'two readers', breaks: resurrected },
  { name: 'upsert token refresh', without: 'updateIsConditional', model: 'refresh lease', breaks: resurrected },
  { name: 'update without a bump', without: 'updateBumps', model: 'two readers', breaks: stale },
  { name: 'upsert touch', without: 'touchIsConditional', model: 'one reader', breaks: resurrected },
  {
    name: 'a touch that makes young again',
    without: 'touchProlongsOnly',
    model: 'another store, touch',
    breaks: another,
  },

  // Strict revoke
  {
    name: 'waiting for a D heard before the removal',
    without: 'strictAsksAfter',
    model: 'strict revoke',
    breaks: 'a strict revoke is final everywhere',
  },
  {
    name: 'reading before the store was told of D',
    without: 'promiseBeforeRead',
    model: 'strict revoke',
    breaks: 'a strict revoke is final everywhere',
  },

  // Refresh
  {
    name: 'lease ignored',
    without: 'leaseIsRespected',
    model: 'refresh lease',
    breaks: 'a token is sent once, unless its lease ran out or its answer was lost',
  },
  {
    name: 'doubts not counted',
    without: 'doubtsCount',
    model: 'refresh lease',
    breaks: 'a token is sent twice at most',
  },
  {
    name: 'no fence check at commit',
    without: 'fenceAtCommit',
    model: 'refresh lease',
    breaks: 'tokens never go backwards',
  },
  {
    name: 'fresh tokens written over an update',
    without: 'commitMerges',
    model: 'refresh lease',
    breaks: 'no update is lost',
  },
  {
    name: 'session ended at any refusal',
    without: 'refusedReadsAgain',
    model: 'refresh lease',
    breaks: 'a refusal ends no session with other tokens',
  },
  {
    name: 'stored token revoked as an orphan',
    without: 'storedIsNoOrphan',
    model: 'refresh lease',
    breaks: 'no token is revoked that was stored',
  },
]

/** The rules that a mutant keeps. */
export function rulesOf({ without, alsoWithout = without }: Mutant): Rules {
  return { ...protocol, [without]: false, [alsoWithout]: false }
}
