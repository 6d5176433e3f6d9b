import type { Answer, AnswerSource } from '../../src/cache/answer.ts'
import type { Session } from '../../src/session/session.ts'

/** The application data of a simulated session. */
export type Counted = {
  /** Whose it is: must be the same as the claims say. */
  owner: string
  /** Updates so far. */
  count: number
  /** A name for every update that made it in. */
  marks: string[]
}

/** The two counters of a session that only ever rise. */
interface Version {
  count: number
  refreshes: number
}

/** A session as the checker knows it: one object for one session. */
export interface Subject {
  readonly owner: string
}

/** A question, noted when it was asked. */
export interface Question {
  readonly instance: string
  readonly subject: Subject
  readonly askedAt: number
  /** What the answer must not be older than. */
  readonly floor: Version
  /** Whether the session had been revoked by then, and whether by this very instance. */
  readonly wasRevoked: boolean
  readonly wasRevokedHere: boolean
  /** Whether a revoke of this very instance was under way then: its memory lets go before anything is sent. */
  readonly wasBeingRevokedHere: boolean
  /** Whether this instance had found by then that it is gone. */
  readonly wasMissedHere: boolean
}

export interface HistoryOptions {
  /** D: no answer from memory is older. */
  maxStalenessMs: number
  operationTimeoutMs: number
  now: () => number
  /** The store's clock, Unix ms. */
  storeWall: () => number
}

/**
 * Watches a run and notes every broken promise: a revoked session stays revoked, everywhere within D; versions never
 * go backwards on one instance; who wrote reads it; a cookie yields its own data only; nobody outlives a deadline;
 * "not signed in" is said only of a session that ended.
 */
export class History {
  readonly violations: string[] = []
  /** Whether the store may have been out of reach, so that "I can't know" is a fair answer. */
  hadTrouble: boolean = false
  /** Whether machines stood still, so that an answer may come at any time after the question. */
  hadStops: boolean = false
  /** Every question must be answered, or refused an answer, within this, give or take a rounding. */
  maxWaitMs: number = Infinity
  #steppedAt = -Infinity
  #wasSteppedBack = false
  readonly #options: HistoryOptions
  readonly #floors = new Map<string, Map<Subject, Version>>()
  readonly #revokedAt = new Map<Subject, number>()
  readonly #revokedBy = new Map<Subject, Set<string>>()
  readonly #revoking = new Map<Subject, Set<string>>()
  readonly #missedBy = new Map<Subject, Set<string>>()
  readonly #mayBeGone = new Set<Subject>()
  readonly #updates = new Map<Subject, { at: number; count: number }[]>()

  constructor(options: HistoryOptions) {
    this.#options = options
  }

  /** Notes a question. `owed`: the update its version cookie vouches for, or 0. */
  asked(instance: string, subject: Subject, owed: number): Question {
    const { count, refreshes } = this.#floorOf(instance, subject)
    return {
      instance,
      subject,
      askedAt: this.#options.now(),
      floor: { count: Math.max(count, owed), refreshes },
      wasRevoked: this.#revokedAt.has(subject),
      wasRevokedHere: this.#revokedBy.get(subject)?.has(instance) ?? false,
      wasBeingRevokedHere: this.#revoking.get(subject)?.has(instance) ?? false,
      wasMissedHere: this.#missedBy.get(subject)?.has(instance) ?? false,
    }
  }

  /**
   * Told when the store's clock is stepped: deadlines by that clock are known to instances only D later, and what had
   * expired lives again if the step was back.
   */
  stepped(byMs: number): void {
    this.#steppedAt = this.#options.now()
    this.#wasSteppedBack ||= byMs < 0
  }

  found(question: Question, session: Session<Counted>, source: AnswerSource): void {
    const { instance, subject, floor, wasMissedHere } = question
    this.#checkWait(question)
    if (wasMissedHere && !this.#wasSteppedBack)
      this.violate(question, `found again in ${source} where it had been gone`)
    const { data, claims, refreshCount } = session
    if (claims.sub !== subject.owner || data.owner !== subject.owner) {
      this.violate(question, `got the data of ${claims.sub} (${data.owner}) for the cookie of ${subject.owner}`)
    }
    if (data.count < floor.count) this.violate(question, `count went back from ${floor.count} to ${data.count}`)
    if (refreshCount < floor.refreshes) {
      this.violate(question, `the refresh count went back from ${floor.refreshes} to ${refreshCount}`)
    }
    this.#raise(instance, subject, { count: data.count, refreshes: refreshCount })
    this.#checkFresh(question, data.count, source)
    this.#checkRevoked(question, source)
    this.#checkDeadline(question, session, source)
  }

  missed(question: Question, reason: Answer['reason']): void {
    addTo(this.#missedBy, question.subject, question.instance)
    if (reason !== 'absent') this.violate(question, `refused as ${reason}`)
    else if (!this.#mayBeGone.has(question.subject)) this.violate(question, 'a session that did not end was not found')
  }

  failed(question: Question, error: unknown): void {
    this.#checkWait(question)
    const { code } = error as { code?: unknown }
    if (code !== 'ERR_STORE_UNAVAILABLE') this.violate(question, `failed: ${String(error)}`)
    else if (!this.hadTrouble) this.violate(question, 'the store answered, and yet it was called unavailable')
  }

  /** Told before anything that may end the session, whatever comes of it. */
  mayEnd(subject: Subject): void {
    this.#mayBeGone.add(subject)
  }

  /** Told when a revoke by key is sent from `instance`, and when it failed. */
  revoking(instance: string, subject: Subject, isUnderWay: boolean): void {
    if (isUnderWay) addTo(this.#revoking, subject, instance)
    else this.#revoking.get(subject)?.delete(instance)
  }

  /** Told when a revoke has returned at `instance`. */
  revoked(instance: string, subject: Subject): void {
    if (!this.#revokedAt.has(subject)) this.#revokedAt.set(subject, this.#options.now())
    addTo(this.#revokedBy, subject, instance)
  }

  /** Told when an update has returned at `instance`. */
  updated(instance: string, subject: Subject, count: number): void {
    this.#raise(instance, subject, { count })
    const updates = this.#updates.get(subject) ?? []
    this.#updates.set(subject, updates)
    updates.push({ at: this.#options.now(), count })
  }

  violate({ instance, subject, askedAt }: Pick<Question, 'instance' | 'subject' | 'askedAt'>, what: string): void {
    const times = `asked at ${ms(askedAt)}, answered at ${ms(this.#options.now())}`
    const revokedAt = this.#revokedAt.get(subject)
    const revoke = revokedAt === undefined ? '' : `, revoked at ${ms(revokedAt)}`
    this.violations.push(`${instance}, ${subject.owner}: ${what} (${times}${revoke})`)
  }

  #checkWait(question: Question): void {
    const waitedMs = this.#options.now() - question.askedAt
    if (waitedMs > this.maxWaitMs + 1) this.violate(question, `answered after ${ms(waitedMs)}`)
  }

  /** Others see an update within D; who reads the store sees it at once. */
  #checkFresh(question: Question, count: number, source: AnswerSource): void {
    const { subject, askedAt } = question
    const knownBy = source === 'l2' ? askedAt : askedAt - this.#options.maxStalenessMs
    for (const update of this.#updates.get(subject) ?? []) {
      if (update.at >= knownBy || update.count <= count) continue
      this.violate(
        question,
        `served count ${count} from ${source}, but ${update.count} was written at ${ms(update.at)}`,
      )
    }
  }

  #checkRevoked(question: Question, source: AnswerSource): void {
    const { subject, askedAt, wasRevoked, wasRevokedHere, wasBeingRevokedHere } = question
    if (wasBeingRevokedHere && source === 'l1') this.violate(question, 'served from memory while it was being revoked')
    const { now, maxStalenessMs, operationTimeoutMs } = this.#options
    const revokedAt = this.#revokedAt.get(subject)
    if (revokedAt === undefined) return
    if (wasRevokedHere) this.violate(question, `served from ${source} by the instance that had revoked it`)
    if (source === 'l2' && wasRevoked) this.violate(question, 'a read sent after the revoke found it')
    if (source === 'l2') return
    if (askedAt > revokedAt + maxStalenessMs) this.violate(question, `served from ${source} to who asked later than D`)
    // Who joined a read waits for it as long as a store operation may take, or as long as the machine stands still.
    if (source === 'l1' || !wasRevoked || this.hadStops) return
    const mayTakeMs = Math.max(maxStalenessMs, operationTimeoutMs)
    if (now() > revokedAt + mayTakeMs) this.violate(question, `served from ${source} later than ${mayTakeMs} ms`)
  }

  #checkDeadline(question: Question, { idleExpiresAt, absoluteExpiresAt }: Session, source: AnswerSource): void {
    const { now, storeWall, maxStalenessMs } = this.#options
    if (source !== 'l1' || now() - this.#steppedAt <= maxStalenessMs) return
    const over = storeWall() - Math.min(idleExpiresAt, absoluteExpiresAt)
    if (over >= 0) this.violate(question, `served ${over} ms after its deadline by the store's clock`)
  }

  #floorOf(instance: string, subject: Subject): Version {
    return this.#floors.get(instance)?.get(subject) ?? { count: 0, refreshes: 0 }
  }

  #raise(instance: string, subject: Subject, { count = 0, refreshes = 0 }: Partial<Version>): void {
    const floor = this.#floorOf(instance, subject)
    const floors = this.#floors.get(instance) ?? new Map<Subject, Version>()
    this.#floors.set(instance, floors)
    floors.set(subject, {
      count: Math.max(floor.count, count),
      refreshes: Math.max(floor.refreshes, refreshes),
    })
  }
}

function addTo<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([value]))
  else set.add(value)
}

function ms(time: number): string {
  return `${time.toFixed(1)} ms`
}
