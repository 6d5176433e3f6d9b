/** Compile-time tests: this file only has to pass the type checker. */
import { createAuth } from '../../src/index.ts'
import type { Auth, AuthCache, CacheStats, Health, Session, SessionInfo } from '../../src/index.ts'
import { TwoTierAuthCache } from '../../src/index.ts'
import type { Store } from '../../src/index.ts'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(answer: Same<A, B>): void => void answer

const required = {
  issuer: 'https://login.example',
  clientId: 'web',
  baseUrl: 'https://app.example',
  secret: 'primary-0123456789-0123456789-0123456789',
}

const shop = createAuth({
  ...required,
  hooks: { onSignIn: (claims) => ({ data: { cart: [claims.sub], visits: 1 } }) },
})
const shopLater = createAuth({
  ...required,
  hooks: { onSignIn: async () => ({ data: { cart: ['apple'] } }) },
})
const plain = createAuth(required)

type Cart = { cart: string[]; note?: string }
const declared = createAuth<Cart>({ ...required, hooks: { onSignIn: () => ({ data: { cart: [] } }) } })

export async function dataIsInferredFromOnSignIn(): Promise<void> {
  const session = await shop.authenticate(undefined)
  same<typeof session, Session<{ cart: string[]; visits: number }> | undefined>(true)
  if (session === undefined) return

  const cart: readonly string[] = session.data.cart
  const visits: number = session.data.visits
  // @ts-expect-error not in the data
  void session.data.basket
  // @ts-expect-error data is changed by update only
  session.data.visits = 2
  await session.update((draft) => {
    draft.cart.push('pear')
    draft.visits += visits + cart.length
  })
  await session.update((draft) => ({ ...draft, visits: 0 }))
  // @ts-expect-error the wrong type
  await session.update((draft) => ({ ...draft, visits: 'many' }))
  await session.update((draft) => {
    // @ts-expect-error not in the data
    draft.basket = []
  })
}

export async function asyncHooksAreUnwrapped(): Promise<void> {
  const session = await shopLater.authenticate(undefined)
  same<typeof session, Session<{ cart: string[] }> | undefined>(true)
}

export async function dataCanBeDeclared(): Promise<void> {
  same<typeof declared, Auth<Cart>>(true)
  const session = await declared.authenticate(undefined)
  const note: string | undefined = session?.data.note
  void note
}

export async function withoutAHookDataIsUnknown(): Promise<void> {
  const session = await plain.authenticate(undefined)
  const value: unknown = session?.data['anything']
  // @ts-expect-error unknown, not a text
  const text: string = session?.data['anything']
  void [value, text]
}

export async function accessors(session: Session): Promise<void> {
  same<Awaited<ReturnType<Session['accessToken']>>, string>(true)
  same<Awaited<ReturnType<Session['idToken']>>, string | undefined>(true)
  const sub: string = session.claims.sub
  const email: string | undefined = session.claims.email
  const instants: number[] = [
    session.createdAt,
    session.lastSeenAt,
    session.idleExpiresAt,
    session.absoluteExpiresAt,
    session.accessTokenExpiresAt ?? 0,
    session.refreshCount,
  ]
  // @ts-expect-error tokens are asked for, never read
  void session.tokens
  // @ts-expect-error claims are the provider's
  session.claims.sub = 'mallory'
  // @ts-expect-error the handle is fixed
  session.id = ''
  void [sub, email, instants]
}

export async function sessionsAndHealth(auth: Auth): Promise<void> {
  const list: SessionInfo[] = await auth.sessions.list({ subject: 'alice' })
  const there: boolean = await auth.sessions.revoke(list[0]?.id ?? '')
  const count: number = await auth.sessions.revokeAll({ subject: 'alice' })
  await auth.sessions.revokeAll({ sid: 'x' })
  const stats: CacheStats = auth.cache.stats()
  const cache: AuthCache = auth.cache
  const health: Health = await auth.health()
  // @ts-expect-error either a subject or a sid
  await auth.sessions.revokeAll({})
  // @ts-expect-error a list is of a subject
  await auth.sessions.list({ user: 'alice' })
  // @ts-expect-error the session itself, not its handle
  await auth.sessions.revokeOthers('id')
  void [there, count, stats, cache, health]
}

export async function guardAnswersNarrow(auth: Auth): Promise<string> {
  const request = { method: 'GET', url: '/', header: () => undefined, form: async () => new URLSearchParams() }
  const answer = await auth.guard(request, () => {})
  if (answer.reply !== undefined) {
    const nobody: undefined = answer.session
    return `${answer.reply.status}${nobody ?? ''}`
  }
  return answer.session.claims.sub
}

export function disposable(auth: Auth): AsyncDisposable {
  return auth
}

export async function standAloneCache(store: Store): Promise<void> {
  const cache: AuthCache = new TwoTierAuthCache({ store, secret: required.secret, l1TtlSec: 3_600 })
  const session = await cache.getAuthSession('id')
  const token: string | undefined = session?.accessToken
  // @ts-expect-error the secret is required
  new TwoTierAuthCache({ store })
  // @ts-expect-error misspelt
  new TwoTierAuthCache({ store, secret: required.secret, l1Ttl: 3_600 })
  void token
}
