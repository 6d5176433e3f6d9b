import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { inspect } from 'node:util'
import type { Store } from '../../src/cache/store.ts'
import { isSallyportError } from '../../src/shared/errors.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import type { Logger } from '../../src/shared/logger.ts'
import type { ServerKind } from '../support/servers/kinds.ts'
import { startServer } from '../support/servers/server.ts'
import type { TestServer } from '../support/servers/server.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'
import { Ledger } from './ledger.ts'
import type { Account } from './ledger.ts'
import { operationTimeoutMs, patienceMs, recoveryOf, within } from './trial.ts'

/** A kind of store, and who may change the state of its server. */
export interface StatePlace<Admin> {
  kind: ServerKind
  /** Lines of the server's configuration that all of its states need. */
  config?: readonly string[]
  /** Connects with all rights, and makes the account that the store is to have. */
  connect(server: TestServer): Promise<{ admin: Admin; url: string; disconnect(): Promise<unknown> }>
  open(url: string, logger: Logger): Store
  states: readonly ServerState<Admin>[]
}

/** What may be wrong with a server that runs and can be reached. */
export interface ServerState<Admin> {
  name: string
  /** Brings it about, for every connection of the store. Returns what mends it. */
  spoil(admin: Admin, server: TestServer): Promise<() => Promise<unknown>>
  /** What the store does all the same. Everything else is refused. */
  works: readonly Operation[]
  /** What the refusals tell an operator. */
  says: RegExp
}

export type Operation = keyof typeof operations

export const storePassword = 'b4c1-of-the-store'
export const otherPassword = 'e77f-after-rotation'

const settledWithinMs = 4_000

const entry = { value: new Uint8Array([48]), lifetime: { idleMs: 3_600_000 }, indexes: { subject: 'bob' } }

const operations = {
  read: (store: Store) => store.read(['present']),
  create: (store: Store) => store.create({ key: 'new', ...entry }),
  replace: (store: Store) => store.replace('present', 1, { value: entry.value, bump: true }),
  extend: (store: Store) => store.extend('present', 7_200_000),
  take: (store: Store) => store.take('to take'),
  remove: (store: Store) => store.remove({ key: 'to remove' }),
  list: (store: Store) => store.list({ index: 'subject', values: ['bob'] }),
  epochs: (store: Store) => store.epochs([]),
  sweep: (store: Store) => store.sweep(10),
  stats: (store: Store) => store.stats(),
  ping: (store: Store) => store.ping(),
}

/** Every state: refused in time and in words, the rest goes on, and all goes on once it is mended. */
export function serverStates<Admin>(place: StatePlace<Admin>): void {
  describe(`${place.kind} in a bad state`, { skip: whyNotTested(place.kind, 'own') }, () => {
    for (const state of place.states) {
      const rest = state.works.length === 0 ? '' : `, but ${state.works.join(', ')} work`
      it(`${state.name}: refused in time with a reason${rest}; back by itself, nothing lost`, (t) =>
        endure(t, place, state))
    }
  })
}

async function endure<Admin>(t: TestContext, place: StatePlace<Admin>, state: ServerState<Admin>): Promise<void> {
  const server = await startServer(place.kind, { config: place.config ?? [] })
  t.after(() => server.stop())
  const { admin, url, disconnect } = await place.connect(server)
  t.after(disconnect)
  const { logger, lines } = recordingLogger()
  const store = place.open(url, logger)
  t.after(() => store.close())

  await within(10_000, () => store.init({ maxStalenessMs: 1_000 }))
  for (const key of ['present', 'to take', 'to remove']) await store.create({ key, ...entry })
  const ledger = new Ledger(store)
  const before = await ledger.use(200)
  assert.equal(before.refusals, 0, 'it did not work before')

  const mend = await state.spoil(admin, server)
  const suffering = suffer(store, ledger, state)
  await suffering.catch(() => {})
  await mend()
  const account = await suffering
  assert.ok(account.worstMs < operationTimeoutMs + patienceMs, `an operation took ${account.worstMs} ms`)

  const recovered = await recoveryOf(store)
  const after = await ledger.use(200)
  assert.equal(after.refusals, 0, 'it does not work after')
  await ledger.check()
  assertNoSecret(inspect(lines, { depth: 10 }))
  t.diagnostic(
    `${store.name}, ${state.name}: ${account.answers} answered, ${account.refusals} refused, ` +
      `recovered after ${Math.round(recovered)} ms`,
  )
}

async function suffer<Admin>(store: Store, ledger: Ledger, state: ServerState<Admin>): Promise<Account> {
  const account = await ledger.use(300)
  for (const operation of Object.keys(operations) as Operation[]) await settled(store, operation, state)
  return account
}

/** The first attempts may find connections that the change of state has cost it. */
async function settled<Admin>(store: Store, operation: Operation, { works, says }: ServerState<Admin>): Promise<void> {
  const isAsItShould = (said: string | undefined): boolean =>
    works.includes(operation) ? said === undefined : says.test(said ?? '')
  const giveUpAt = performance.now() + settledWithinMs
  for (;;) {
    const said = await refusalOf(store, operation)
    if (isAsItShould(said)) return
    if (performance.now() > giveUpAt) assert.fail(`${operation}: ${said ?? 'is not refused'}`)
    await pause(20)
  }
}

/** `undefined` if it is answered. */
async function refusalOf(store: Store, operation: Operation): Promise<string | undefined> {
  const askedAt = performance.now()
  try {
    await operations[operation](store)
    return undefined
  } catch (error) {
    if (!isSallyportError(error)) throw error
    assert.equal(error.code, 'ERR_STORE_UNAVAILABLE', `${operation}: ${error.message}`)
    assertNoSecret(inspect(error, { depth: 10, showHidden: true }))
    return error.message
  } finally {
    const ms = performance.now() - askedAt
    assert.ok(ms < operationTimeoutMs + patienceMs, `${operation} took ${ms} ms`)
  }
}

function assertNoSecret(text: string): void {
  for (const secret of [storePassword, otherPassword]) assert.ok(!text.includes(secret), `a password is told: ${text}`)
}
