import { createProvider } from '../oidc/create-provider.ts'
import { createKeyRing } from '../session/key-ring.ts'
import { createSessionService } from '../session/create-session-service.ts'
import type { SessionHooks } from '../session/session-parts.ts'
import type { SessionData } from '../session/tokens.ts'
import { systemClock, type Clock } from '../shared/clock.ts'
import { consoleLogger, unfailing, type Logger } from '../shared/logger.ts'
import { systemRandomness } from '../shared/randomness.ts'
import { memoryStore } from '../stores/memory.ts'
import type { Auth, Health } from './auth.ts'
import { BrowserBinding } from './browser-binding.ts'
import { checkAuthOptions } from './check-options.ts'
import type { Context } from './context.ts'
import { createGuard } from './guard.ts'
import { createHandle } from './handle.ts'
import { HitReport } from './hit-report.ts'
import { attemptHook } from './hook-call.ts'
import type { AuthOptions, Hooks } from './options.ts'
import { createRefuse } from './refusals.ts'
import { settle, type Settings } from './settings.ts'

/**
 * Makes the sign-in and the sessions of one application. Synchronous: provider and store are asked on first use, or by
 * `ready`. Throws one `ConfigError` with every mistake in the options.
 */
export function createAuth<Data extends SessionData = SessionData>(options: AuthOptions<Data>): Auth<Data> {
  checkAuthOptions(options)
  const settings = settle(options)
  const { clock = systemClock, randomness = systemRandomness, hooks = {} } = options
  const logger = unfailing(options.logger ?? consoleLogger)
  if (!settings.isSecure) {
    const { origin, sessionCookie } = settings
    logger.warn({ origin, cookie: sessionCookie.name }, 'plain http: cookies have no prefix and are not Secure')
  }

  if (options.store === undefined && settings.isSecure) {
    logger.warn({}, 'no store: sessions live in this process alone and end with it')
  }

  const context = connect(options, settings, { clock, randomness, logger, hooks })
  const { sessions, provider } = context
  const report = new HitReport(sessions.stats, clock, logger)
  const handle = createHandle(context)
  const guard = createGuard(context, handle)
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    report.close()
    closing ??= sessions.shutdown()
    return closing
  }

  return {
    ready: async () => void (await Promise.all([sessions.ready(), provider.ready()])),
    handle,
    guard(request, setCookie) {
      report.note()
      return guard(request, setCookie)
    },
    authenticate(cookieHeader, setCookie) {
      report.note()
      return sessions.authenticate(cookieHeader, setCookie)
    },
    sessions: {
      list: (of) => sessions.list(of),
      revoke: (id, how) => sessions.revoke(id, how),
      revokeOthers: (session, how) => sessions.revokeOthers(session, how),
      revokeAll: (of, how) => sessions.revokeAll(of, how),
    },
    cache: { ...sessions.cache, stats: () => sessions.stats(), storeStats: () => sessions.storeStats() },
    health: () => look(context),
    close,
    [Symbol.asyncDispose]: close,
  }
}

type Seams<Data extends SessionData> = Pick<Context<Data>, 'clock' | 'randomness' | 'logger' | 'hooks'>

function connect<Data extends SessionData>(
  options: AuthOptions<Data>,
  settings: Settings,
  seams: Seams<Data>,
): Context<Data> {
  const { clock, randomness, logger, hooks } = seams
  const { issuer, clientId, clientSecret, store = memoryStore({ clock, logger }), fetch = globalThis.fetch } = options
  const { clientAuth, idTokenSigningAlg } = options.provider ?? {}
  const { bindingCookieName, isSecure, sessionCookie, providerTimeoutMs: timeoutMs, asksUserinfo: userinfo } = settings
  const { idleTimeoutSec, absoluteLifetimeSec, transactionTtlSec } = settings
  const keyRing = createKeyRing(typeof options.secret === 'string' ? [options.secret] : options.secret)
  const provider = createProvider({
    issuer,
    clientId,
    clientSecret,
    clientAuth,
    idTokenSigningAlg,
    timeoutMs,
    userinfo,
    fetch,
    logger,
    clock,
  })
  const sessions = createSessionService<Data>({
    store,
    issuer,
    idleTimeoutSec,
    absoluteLifetimeSec,
    transactionTtlSec,
    logger,
    clock,
    randomness,
    cache: options.cache,
    sealing: options.session ?? {},
    secrets: keyRing,
    cookie: sessionCookie,
    refreshTokens: provider.refresh,
    revokeToken: provider.revoke,
    refreshTimeoutMs: timeoutMs,
    hooks: sessionHooks(hooks, clock, logger),
  })
  const binding = new BrowserBinding(keyRing, randomness, { name: bindingCookieName, secure: isSecure })
  const refuse = createRefuse({ settings, randomness, logger })
  return { settings, sessions, provider, keyRing, binding, hooks, refuse, clock, randomness, logger }
}

/** The hooks as the sessions call them: bounded in time, and never failing. */
function sessionHooks(
  hooks: Pick<Hooks, 'onSignOut' | 'onRefresh' | 'onAnswer'>,
  clock: Clock,
  logger: Logger,
): SessionHooks {
  const { onSignOut, onRefresh, onAnswer } = hooks
  const attempt = attemptHook.bind(undefined, { clock, logger })
  return {
    onSignOut: async (claims, reason) => onSignOut && attempt('onSignOut', () => onSignOut(claims, { reason })),
    onRefresh: async (claims) => onRefresh && attempt('onRefresh', () => onRefresh(claims)),
    ...(onAnswer === undefined ? {} : { onAnswer: listener(onAnswer, logger) }),
  }
}

function listener(onAnswer: NonNullable<Hooks['onAnswer']>, logger: Logger): NonNullable<SessionHooks['onAnswer']> {
  const failed = (err: unknown): void => logger.error({ err }, 'a hook failed')
  return (answer) => {
    try {
      // An async function is a `void` one to the compiler, and its rejection would end the process.
      const returned: unknown = onAnswer(answer)
      if (returned instanceof Promise) returned.catch(failed)
    } catch (err) {
      failed(err)
    }
  }
}

async function look<Data extends SessionData>({ sessions, provider }: Context<Data>): Promise<Health> {
  const ping = sessions.ping().then(
    () => 'up' as const,
    () => 'down' as const,
  )
  const [store, isProviderUp] = await Promise.all([ping, provider.isUp()])
  return { ok: store === 'up' && isProviderUp, store, provider: isProviderUp ? 'up' : 'down', lease: sessions.lease() }
}
