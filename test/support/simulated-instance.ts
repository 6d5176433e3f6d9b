import { AsyncLocalStorage } from 'node:async_hooks'
import type { Answer } from '../../src/cache/answer.ts'
import type { Store } from '../../src/cache/store.ts'
import { createSessionService } from '../../src/session/create-session-service.ts'
import { createKeyRing } from '../../src/session/key-ring.ts'
import type { KeyRing } from '../../src/session/key-ring.ts'
import type { SessionService } from '../../src/session/service.ts'
import type { Logger } from '../../src/shared/logger.ts'
import type { FakeProviderTokens } from './fake-provider-tokens.ts'
import type { Counted } from './history.ts'
import { Link } from './link.ts'
import type { Plan } from './plan.ts'
import type { Machine, Scheduler } from './scheduler.ts'
import { seededRandom } from './seeded-random.ts'

export const issuer = 'https://login.example'
export const secret = 'primary-0123456789-0123456789-0123456789'
export const keyRing: KeyRing = createKeyRing([secret])
export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Knows which question an answer belongs to, also where several are under way. */
export const answers: AsyncLocalStorage<{ answer?: Answer }> = new AsyncLocalStorage()

/** A machine with a way to the store. */
export interface Place {
  machine: Machine
  toStore: Link
  store: Store
}

/** One instance of an application: a machine, its ways out, and the session service that runs on it. */
export interface Instance {
  readonly name: string
  readonly machine: Machine
  readonly toStore: Link
  readonly toProvider: Link
  readonly service: SessionService<Counted>
  /** Refreshes that were written to the record here. */
  refreshed: number
}

export interface InstanceOptions {
  scheduler: Scheduler
  plan: Plan
  provider: FakeProviderTokens
}

export function startInstance(
  name: string,
  { machine, toStore, store }: Place,
  { scheduler, plan, provider }: InstanceOptions,
): Instance {
  const toProvider = new Link(scheduler, machine, plan.providerLatency)
  const service = createSessionService<Counted>({
    store,
    issuer,
    secrets: keyRing,
    cookie: { name: 'session', sameSite: 'lax', persistent: true, secure: true },
    idleTimeoutSec: plan.idleTimeoutSec,
    absoluteLifetimeSec: plan.absoluteLifetimeSec,
    transactionTtlSec: 600,
    cache: plan.cache,
    sealing: {},
    refreshTokens: provider.refreshTokensOver(toProvider),
    revokeToken: provider.revokeTokenOver(toProvider),
    refreshTimeoutMs: plan.refreshTimeoutMs,
    clock: machine,
    randomness: seededRandom(scheduler.random.below(2 ** 32)),
    logger: silent,
    hooks: {
      onSignOut: async () => {},
      onRefresh: async () => void instance.refreshed++,
      onAnswer(answer) {
        const question = answers.getStore()
        if (question !== undefined) question.answer = answer
      },
    },
  })
  const instance: Instance = { name, machine, toStore, toProvider, service, refreshed: 0 }
  return instance
}
