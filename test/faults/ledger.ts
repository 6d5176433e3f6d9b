import assert from 'node:assert/strict'
import type { Store } from '../../src/cache/store.ts'
import { isSallyportError } from '../../src/shared/errors.ts'

const hour = 3_600_000

/** What was seen of a store while something was wrong with it. */
export interface Account {
  answers: number
  refusals: number
  /** Milliseconds of the answer or error that took longest. */
  worstMs: number
}

/** Uses a store as many requests do, and remembers what it acknowledged. */
export class Ledger {
  readonly #store: Store
  /** Keys whose creation was acknowledged and whose removal was never asked for. */
  readonly #kept = new Set<string>()
  /** Keys whose removal was acknowledged. */
  readonly #removed = new Set<string>()
  #count = 0

  constructor(store: Store) {
    this.#store = store
  }

  /** All operations, several at a time, for so long. */
  async use(ms: number, workers: number = 4): Promise<Account> {
    const account: Account = { answers: 0, refusals: 0, worstMs: 0 }
    const until = performance.now() + ms
    const worker = async (): Promise<void> => {
      do await this.round(account)
      while (performance.now() < until)
    }
    await Promise.all(Array.from({ length: workers }, worker))
    return account
  }

  /** Every operation once. */
  async round(account: Account): Promise<void> {
    const store = this.#store
    const [kept, ended] = [`kept-${++this.#count}`, `ended-${this.#count}`]
    const value = new TextEncoder().encode(JSON.stringify(kept))
    const entry = { value, lifetime: { idleMs: hour }, indexes: { subject: 'alice' } }
    const ask = <T>(operation: () => Promise<T>): Promise<T | undefined> => asked(account, operation)

    if ((await ask(() => store.create({ key: kept, ...entry }))) !== undefined) this.#kept.add(kept)
    await ask(() => store.create({ key: ended, ...entry }))
    await ask(() => store.read([kept, ended]))
    await ask(() => store.extend(kept, hour))
    await ask(() => store.replace(kept, 1, { value, bump: true }))
    await ask(() => store.take(`nothing-${kept}`))
    await ask(() => store.list({ index: 'subject', values: ['alice'], limit: 5 }))
    if ((await ask(() => store.remove({ key: ended }))) !== undefined) this.#removed.add(ended)
    await ask(() => store.epochs([]))
    await ask(() => store.ping())
  }

  /** Whether all that was acknowledged is as it was acknowledged. */
  async check({ mayLoseEntries = false }: { mayLoseEntries?: boolean } = {}): Promise<void> {
    const lost = mayLoseEntries ? [] : await this.#found([...this.#kept], false)
    assert.equal(lost.length, 0, `${lost.length} of ${this.#kept.size} acknowledged entries are lost`)
    const back = await this.#found([...this.#removed], true)
    assert.equal(back.length, 0, `${back.length} of ${this.#removed.size} removed entries are back`)
  }

  async #found(keys: readonly string[], isThere: boolean): Promise<string[]> {
    const found: string[] = []
    for (let i = 0; i < keys.length; i += 100) {
      const page = keys.slice(i, i + 100)
      const { entries } = await this.#store.read(page)
      found.push(...page.filter((_, j) => (entries[j] !== undefined) === isThere))
    }
    return found
  }
}

/** `undefined` if it was refused, which has to be an error that says so. */
async function asked<T>(account: Account, operation: () => Promise<T>): Promise<T | undefined> {
  const askedAt = performance.now()
  try {
    const answer = await operation()
    account.answers++
    return answer
  } catch (error) {
    if (!isSallyportError(error)) throw error
    assert.equal(error.code, 'ERR_STORE_UNAVAILABLE', `${error.code}: ${error.message}`)
    account.refusals++
    return undefined
  } finally {
    account.worstMs = Math.max(account.worstMs, performance.now() - askedAt)
  }
}
