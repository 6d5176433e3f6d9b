/**
 * Two processes, P and Q, that refresh the tokens of one session, with a provider that rotates its refresh tokens.
 *
 * Covers: the lease in the record and the fence under which its holder writes; processes that die, or stop for any time
 * between any two steps; requests and answers lost, to the store and to the provider; a provider that is unavailable,
 * refuses a spent token, or still takes it (some do for a while); tokens that fall due again; an update of the
 * application's data and a revoke meanwhile; fresh tokens that nobody can store any more, revoked at the provider.
 *
 * Bounds: three refresh tokens (`LONG=1`: four), one update, one revoke. A request to the provider takes one tick, a
 * lease lasts two. The record is written by compare-and-set: instead of versions the model notes whether what a process
 * knows is up to date.
 */
import { isLong } from './bounds.ts'
import type { Model, Step } from './checker.ts'
import type { Rules } from './rules.ts'

const lastToken = isLong ? 3 : 2
const maxDoubts = 2

/** The lease in the record: given back, run out, or so many ticks left, plus one. */
const noLease = 0
const ranOut = 1
const leaseTicks = 2
const requestTicks = 1

/** Where a process is. */
const idle = 0
const taking = 1
const holding = 2
const asking = 3
const storing = 4
const reloading = 5
const givingBack = 6
const refused = 7
const ending = 8

interface Process {
  at: number
  /** The refresh token that it knows, and sends. */
  token: number
  /** What it knows is what the record holds. */
  isFresh: boolean
  /** Whether an update of the data was in what it knows. */
  hasUpdate: boolean
  doubts: number
  /** Ticks left of its lease, by its own count. */
  left: number
  /** The fresh token; 0: none. */
  got: number
  /** It has tried to store the fresh token, and does not know what became of that. */
  mayBeStored: boolean
}

interface State {
  record: {
    exists: boolean
    token: number
    lease: number
    /** Whose fence it is: 1 is P, 2 is Q. */
    holder: number
    doubts: number
    hasUpdate: boolean
  }
  provider: { newest: number; spent: number }
  /** One bit per token. */
  isDue: number
  processes: [Process, Process]
  isRevoked: boolean
  isUpdated: boolean
  /** How often each token was sent and may have been spent by that, and how often a second time is excused. */
  sent: number[]
  excuses: number[]
  /** Tokens that the record held at any time, one bit each. */
  everStored: number
  /** What went wrong, as an index of `wrongs`. */
  wrong: number
}

const wrongs = [
  undefined,
  'tokens never go backwards',
  'a refusal ends no session with other tokens',
  'no token is revoked that was stored',
]
const nobody: Process = {
  at: idle,
  token: 0,
  isFresh: false,
  hasUpdate: false,
  doubts: 0,
  left: 0,
  got: 0,
  mayBeStored: false,
}

export function refreshLease(rules: Rules): Model<State> {
  return {
    name: 'refresh lease',
    start,
    broken,
    steps(state, step) {
      step('a tick passes', pass)
      stepsOfOthers(state, step)
      for (const i of [0, 1] as const) processSteps(rules, state, i, step)
    },
  }
}

function start(): State {
  return {
    record: { exists: true, token: 0, lease: noLease, holder: 0, doubts: 0, hasUpdate: false },
    provider: { newest: 0, spent: 0 },
    isDue: 1,
    processes: [{ ...nobody }, { ...nobody }],
    isRevoked: false,
    isUpdated: false,
    sent: [0, 0, 0, 0],
    excuses: [0, 0, 0, 0],
    everStored: 1,
    wrong: 0,
  }
}

function broken({ record, sent, excuses, isRevoked, isUpdated, wrong }: State): string | undefined {
  if (wrong > 0) return wrongs[wrong]
  if (isRevoked && record.exists) return 'no resurrection'
  if (isUpdated && record.exists && !record.hasUpdate) return 'no update is lost'
  for (let token = 0; token < sent.length; token++) {
    if (sent[token]! > 1 + excuses[token]!)
      return 'a token is sent once, unless its lease ran out or its answer was lost'
    if (sent[token]! > maxDoubts) return 'a token is sent twice at most'
  }
  return undefined
}

function pass({ record, processes }: State): void {
  if (record.lease > ranOut) record.lease--
  for (const process of processes) if (process.left > 0) process.left--
}

function stepsOfOthers({ record, isDue, isUpdated, isRevoked }: State, step: Step<State>): void {
  if (!record.exists) return
  if ((isDue & (1 << record.token)) === 0) step('the tokens fall due', (next) => (next.isDue |= 1 << record.token))
  if (!isUpdated) step('the application updates its data', updateData)
  if (!isRevoked) step('the session is revoked', revoke)
}

function updateData(state: State): void {
  state.isUpdated = state.record.hasUpdate = true
  overwrite(state)
}

function revoke(state: State): void {
  state.isRevoked = true
  state.record.exists = false
}

/** Whoever else has read the record will find that it was written since. */
function overwrite({ processes }: State, by?: Process): void {
  for (const process of processes) if (process !== by) process.isFresh = false
}

type Effect = (process: Process, state: State) => void
type Reply = 'done' | 'conflict' | 'gone'

interface Write {
  name: string
  /** What it makes of the record. */
  change: Effect
  isConditional?: boolean
  onReply: (process: Process, state: State, reply: Reply) => void
  onDoubt: Effect
}

function processSteps(rules: Rules, state: State, i: 0 | 1, step: Step<State>): void {
  const process = state.processes[i]
  const offer = (name: string, effect: Effect): void => {
    step(`${'PQ'[i]} ${name}`, (next) => effect(next.processes[i], next))
  }
  if (process.at === idle) return offer('reads the record', (it, next) => load(rules, it, next))
  offer('dies', end)
  if (process.at === holding) offer('looks at its lease', askOrGiveBack)
  else if (process.at === asking) providerSteps(rules, state, process, offer)
  else if (process.at === reloading) offer('reads the record again', (it, next) => reload(rules, it, next, i + 1))
  else if (process.at === refused) offer('reads the record again', (it, next) => lookAgain(it, next, i + 1))
  else writeSteps(rules, offer, writeOf(rules, process, i + 1))
}

function writeOf(rules: Rules, { at }: Process, me: number): Write {
  if (at === taking) return takingLease(me)
  if (at === storing) return storingTokens(rules)
  return at === ending ? endingSession(rules) : givingLeaseBack(me)
}

/** Either half of a round trip may be lost, and the process cannot tell which. */
function writeSteps(rules: Rules, offer: (name: string, effect: Effect) => void, write: Write): void {
  offer(write.name, (it, next) => write.onReply(it, next, writeRecord(rules, write, it, next)))
  offer(`${write.name}, but the answer is lost`, (it, next) => {
    if (writeRecord(rules, write, it, next) === 'done') it.isFresh = false
    write.onDoubt(it, next)
  })
  offer(`${write.name}, but that is lost`, write.onDoubt)
}

/** Replace if version: never creates. */
function writeRecord(rules: Rules, { change, isConditional = true }: Write, it: Process, state: State): Reply {
  if (!state.record.exists && rules.updateIsConditional) return 'gone'
  if (isConditional && !it.isFresh && state.record.exists) return 'conflict'
  change(it, state)
  it.isFresh = true
  overwrite(state, it)
  return 'done'
}

function end(it: Process): void {
  Object.assign(it, nobody)
}

/** Takes the lease next, unless somebody holds it, the token is not due, or it may have been spent too often. */
function load(rules: Rules, it: Process, { record, isDue }: State): void {
  const isHeld = record.lease > ranOut && rules.leaseIsRespected
  const doubts = record.doubts + (record.lease === ranOut && rules.doubtsCount ? 1 : 0)
  if (!record.exists || isHeld || (isDue & (1 << record.token)) === 0 || doubts >= maxDoubts) return
  it.at = taking
  it.token = record.token
  it.isFresh = true
  it.hasUpdate = record.hasUpdate
  it.doubts = doubts
  it.left = leaseTicks
}

function takingLease(me: number): Write {
  return {
    name: 'takes the lease',
    change(it, { record, excuses }) {
      if (record.lease === ranOut) excuse(excuses, it.token)
      record.lease = ranOut + it.left
      record.holder = me
      record.doubts = it.doubts
    },
    onReply: (it, _, reply) => (reply === 'done' ? (it.at = holding) : end(it)),
    onDoubt: end,
  }
}

function excuse(excuses: number[], token: number): void {
  excuses[token] = Math.min(excuses[token]! + 1, maxDoubts)
}

function askOrGiveBack(it: Process, { sent }: State): void {
  if (it.left < requestTicks) {
    it.at = givingBack
    return
  }
  it.at = asking
  sent[it.token]!++
}

/** The provider rotates: it spends the token and issues another. Some take a spent one for a while. */
function providerSteps(
  rules: Rules,
  { provider }: State,
  process: Process,
  offer: (name: string, effect: Effect) => void,
): void {
  const isSpent = (provider.spent & (1 << process.token)) !== 0
  offer('asks in vain: the request is lost', (it, next) => beInDoubt(rules, it, next))
  offer('asks in vain: the provider is unavailable', (it, { sent }) => {
    sent[it.token]!--
    it.at = givingBack
  })
  if (isSpent) offer('is refused', (it) => (it.at = rules.refusedReadsAgain ? refused : ending))
  if (provider.newest === lastToken) return
  const what = isSpent ? 'another fresh token' : 'a fresh token'
  offer(`gets ${what}`, (it, next) => {
    it.got = issue(it, next)
    it.at = storing
  })
  offer(`is sent ${what}, but the answer is lost`, (it, next) => {
    issue(it, next)
    beInDoubt(rules, it, next)
  })
}

function issue({ token }: Process, { provider }: State): number {
  provider.spent |= 1 << token
  return ++provider.newest
}

/** The token may be spent: that is noted, so that it is tried again only once. */
function beInDoubt(rules: Rules, it: Process, { excuses }: State): void {
  excuse(excuses, it.token)
  if (rules.doubtsCount) it.doubts++
  it.at = givingBack
}

/** Commit under the fence: on conflict the fresh tokens are merged into whatever the record became. */
function storingTokens(rules: Rules): Write {
  return {
    name: 'stores the fresh token',
    change(it, state) {
      const { record } = state
      if (it.got < record.token) state.wrong = 1
      record.exists = true
      record.token = it.got
      record.hasUpdate = it.hasUpdate
      record.lease = noLease
      record.doubts = 0
      state.everStored |= 1 << it.got
    },
    onReply(it, state, reply) {
      if (reply === 'conflict') it.at = reloading
      else if (reply === 'gone') revokeOrphan(rules, it, state)
      else end(it)
    },
    onDoubt(it) {
      it.mayBeStored = true
      if (it.left === 0) end(it)
    },
  }
}

function reload(rules: Rules, it: Process, state: State, me: number): void {
  const { record } = state
  if (!record.exists) return revokeOrphan(rules, it, state)
  // It is there already: only the answer was lost.
  if (record.token === it.got) return end(it)
  if (rules.fenceAtCommit && record.holder !== me) return revokeOrphan(rules, it, state)
  it.at = storing
  it.isFresh = true
  if (rules.commitMerges) it.hasUpdate = record.hasUpdate
}

/** A fresh token that nobody will ever hold is revoked at the provider, unless it was perhaps stored and replaced. */
function revokeOrphan(rules: Rules, it: Process, state: State): void {
  const { record, provider, everStored } = state
  const { got, mayBeStored } = it
  end(it)
  if (record.exists && mayBeStored && rules.storedIsNoOrphan) return
  provider.spent |= 1 << got
  if (record.exists && (everStored & (1 << got)) !== 0) state.wrong = 3
}

function givingLeaseBack(me: number): Write {
  return {
    name: 'gives the lease back',
    change(it, { record }) {
      record.lease = noLease
      record.doubts = it.doubts
      record.hasUpdate = it.hasUpdate
    },
    onReply(it, { record }, reply) {
      if (reply !== 'conflict' || record.holder !== me) return end(it)
      it.isFresh = true
      it.hasUpdate = record.hasUpdate
    },
    onDoubt: end,
  }
}

/** After a refusal the session is over only if the record still holds the very token that was refused. */
function lookAgain(it: Process, { record }: State, me: number): void {
  if (!record.exists || record.token !== it.token || record.holder !== me) return end(it)
  it.at = ending
  it.isFresh = true
}

function endingSession(rules: Rules): Write {
  return {
    name: 'ends the session',
    isConditional: rules.refusedReadsAgain,
    change(it, state) {
      if (state.record.token !== it.token) state.wrong = 2
      state.record.exists = false
    },
    onReply: (it, _, reply) => (reply === 'conflict' ? (it.at = refused) : end(it)),
    onDoubt: end,
  }
}
