import type { Subject } from './history.ts'

/** Keeps cookies as a browser does, for one session. */
export class SimulatedBrowser {
  readonly subject: Subject
  readonly #now: () => number
  readonly #cookies = new Map<string, { value: string; until: number }>()
  /** The updates that version cookies of this browser vouch for. */
  readonly #vouched = new Map<string, number>()

  constructor(subject: Subject, now: () => number) {
    this.subject = subject
    this.#now = now
  }

  get cookieHeader(): string {
    return this.#live()
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ')
  }

  /** The update that the next answer must not be behind. */
  get owed(): number {
    const version = this.#live().find(([name]) => name.endsWith('-version'))
    return version === undefined ? 0 : (this.#vouched.get(version[1].value) ?? 0)
  }

  readonly setCookie = (line: string): void => {
    const [pair = '', ...attributes] = line.split('; ')
    const [name = '', value = ''] = pair.split('=')
    const maxAge = attributes.find((attribute) => attribute.startsWith('Max-Age='))?.slice('Max-Age='.length)
    this.#cookies.set(name, { value, until: maxAge === undefined ? Infinity : this.#now() + Number(maxAge) * 1_000 })
  }

  /** Notes which update the version cookie that was just set stands for. */
  vouchesFor(count: number): void {
    const version = this.#live().find(([name]) => name.endsWith('-version'))
    if (version !== undefined) this.#vouched.set(version[1].value, count)
  }

  /** A browser of the same person that has the session's cookie alone, as one whose answers got lost. */
  withoutVersion(): SimulatedBrowser {
    const other = new SimulatedBrowser(this.subject, this.#now)
    for (const [name, cookie] of this.#cookies) if (!name.endsWith('-version')) other.#cookies.set(name, cookie)
    return other
  }

  #live(): [string, { value: string; until: number }][] {
    return [...this.#cookies].filter(([, { until }]) => until > this.#now())
  }
}
