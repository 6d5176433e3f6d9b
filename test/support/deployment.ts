import { createAuth } from '../../src/index.ts'
import type { Auth, Store, StoredEntry } from '../../src/index.ts'
import { clientId, clientSecret, secret, serveAuth, silentLogger, startProviderFor, startServer } from './app.ts'
import type { MoreOptions, Notes } from './app.ts'
import { countingStore } from './counting-store.ts'
import type { CountingStore } from './counting-store.ts'
import { openDatabase } from './databases.ts'
import type { Scope, StoreKind } from './databases.ts'
import { sessionCookie, signedIn } from './sign-in.ts'

/** An application at one URL on one database, of which one version follows another. */
export interface Deployment {
  readonly baseUrl: string
  /** What reached the store. */
  readonly counting: CountingStore
  /** The database, past every instance. */
  readonly store: Store
  /** Replaces the running instance by one with these options, and with nothing in memory. */
  deploy(options?: MoreOptions & { secret?: string | [string, ...string[]] }): Promise<Auth<Notes>>
  /** Signs in at the running instance: the text of the cookie. */
  signIn(user?: string): Promise<string>
  /** What the store holds of the session of this cookie. */
  rowOf(auth: Auth<Notes>, cookie: string): Promise<StoredEntry>
}

export async function startDeployment(scope: Scope, kind: StoreKind): Promise<Deployment> {
  const server = await startServer(scope)
  const provider = await startProviderFor(scope, [server])
  const database = await openDatabase(scope, kind)
  const store = database.open()
  const counting = countingStore(database.open())
  return {
    baseUrl: server.baseUrl,
    counting,
    store,
    async deploy(options = {}) {
      const auth = createAuth<Notes>({
        issuer: provider.issuer,
        clientId,
        clientSecret,
        baseUrl: server.baseUrl,
        secret,
        store: counting.store,
        logger: silentLogger,
        hooks: { onSignIn: () => ({ data: { notes: [] } }) },
        ...options,
      })
      serveAuth(scope, server, auth)
      return auth
    },
    signIn: async (user) => sessionCookie(await signedIn(server, user), server),
    async rowOf(auth, cookie) {
      const session = await auth.authenticate(`sallyport=${cookie}`)
      if (session === undefined) throw new Error('this cookie has no session')
      const [row] = (await store.read([`session:${session.id}`])).entries
      if (row === undefined) throw new Error('the session is not in the store')
      return row
    },
  }
}

/** Whose session a cookie has; `undefined`: nobody's. */
export async function subjectOf(auth: Auth<Notes>, cookie: string): Promise<string | undefined> {
  return (await auth.authenticate(`sallyport=${cookie}`))?.claims.sub
}
