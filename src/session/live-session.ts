import type { CacheEntry } from '../cache/entry.ts'
import type { SessionRecord } from './record.ts'
import type { RevokeOptions, Session } from './session.ts'
import type { Claims, SessionData } from './tokens.ts'

/** A session as this process holds it. */
export type Entry = CacheEntry<SessionRecord>

/** What a session asks of the service when it is more than looked at. */
export interface SessionActs {
  idOf(entry: Entry): string
  refreshed(entry: Entry): Promise<Entry>
  updated(entry: Entry, change: (draft: SessionData) => SessionData | void): Promise<Entry>
  revoked(entry: Entry, options: RevokeOptions | undefined): Promise<void>
  /** Cookies that tell the browser which version it has written, or that its session is over. */
  cookiesAfterUpdate(entry: Entry): string[]
  cookiesAfterRevoke(): string[]
}

/** One request's hold on a session entry; what this request changes, it sees. */
export class LiveSession<Data extends SessionData> implements Session<Data> {
  #entry: Entry
  readonly #acts: SessionActs
  readonly #setCookie: (value: string) => void

  constructor(entry: Entry, acts: SessionActs, setCookie: (value: string) => void) {
    this.#entry = entry
    this.#acts = acts
    this.#setCookie = setCookie
  }

  get id(): string {
    return this.#acts.idOf(this.#entry)
  }

  get claims(): Claims {
    return this.#entry.value.claims
  }

  get data(): Readonly<Data> {
    // The type is the application's promise about what it stores; every write is checked to be JSON.
    return this.#entry.value.data as Readonly<Data>
  }

  get createdAt(): number {
    return this.#entry.times.createdAt
  }

  get lastSeenAt(): number {
    return this.#entry.times.lastSeenAt
  }

  get idleExpiresAt(): number {
    return this.#entry.times.expiresAt
  }

  get absoluteExpiresAt(): number {
    return this.#entry.times.absoluteExpiresAt ?? Infinity
  }

  get accessTokenExpiresAt(): number | undefined {
    return this.#entry.value.tokens.expiresAt
  }

  get refreshCount(): number {
    return this.#entry.value.refresh.count
  }

  get device(): string | undefined {
    return this.#entry.value.device
  }

  async accessToken(): Promise<string> {
    return (await this.#refreshed()).value.tokens.accessToken
  }

  async idToken(): Promise<string | undefined> {
    return (await this.#refreshed()).value.tokens.idToken
  }

  async update(change: (draft: Data) => Data | void): Promise<void> {
    this.#entry = await this.#acts.updated(this.#entry, change as (draft: SessionData) => SessionData | void)
    for (const cookie of this.#acts.cookiesAfterUpdate(this.#entry)) this.#setCookie(cookie)
  }

  async revoke(options?: RevokeOptions): Promise<void> {
    await this.#acts.revoked(this.#entry, options)
    for (const cookie of this.#acts.cookiesAfterRevoke()) this.#setCookie(cookie)
  }

  /** A refresh that others began may end with what was there before an update of ours. */
  async #refreshed(): Promise<Entry> {
    const entry = await this.#acts.refreshed(this.#entry)
    if (entry.version > this.#entry.version) this.#entry = entry
    return entry
  }
}
