import { setImmediate } from 'node:timers/promises'
import { createAuth } from '../src/index.ts'
import { memoryStore } from '../src/stores/memory.ts'
import type { Auth, AuthReply } from '../src/index.ts'
import { startProvider } from '../demo/provider.ts'
import { countingStore } from '../test/support/counting-store.ts'
import { createUserAgent } from '../test/support/user-agent.ts'
import { installPeers } from './install-peers.ts'
import { median } from './median.ts'
import { report } from './report.ts'

/*
 * What "who is this?" costs a warm request: the Cookie header goes in, the session comes out. No HTTP on either side.
 * Rounds of all contenders alternate, so that the machine's mood meets them all; the medians are reported.
 */
const rounds = 9
const roundMs = 250

const baseUrl = 'http://localhost:3000'
const client = { clientId: 'bench', clientSecret: 'bench-secret-of-at-least-32-bytes' }
const provider = await startProvider({
  port: 0,
  clients: [{ ...client, redirectUris: [`${baseUrl}/auth/callback`] }],
  accessTokenTtlSec: 3_600,
})
const counting = countingStore(memoryStore())
const auth = createAuth({
  issuer: provider.issuer,
  ...client,
  baseUrl,
  secret: 'a secret that only this benchmark has, made of 64 characters ....',
  store: counting.store,
  logger: { debug() {}, info() {}, warn() {}, error() {} },
})

try {
  const cookie = await signIn(auth)
  await auth.authenticate(cookie)
  const contenders = [
    { id: 'guard.warm', run: (times: number) => runWarm(auth, cookie, times), perRun: 10_000 },
    ...(await peers()),
  ]
  const samples = contenders.map((): number[] => [])
  for (let round = 0; round <= rounds; round++) {
    for (const [i, { run, perRun }] of contenders.entries()) {
      await auth.authenticate(cookie)
      const nanoseconds = await timeFor(roundMs, run, perRun)
      if (round > 0) samples[i]!.push(nanoseconds)
    }
  }
  const [warm = NaN, session = NaN, oidc = NaN] = samples.map(median)
  await auth.authenticate(cookie)
  counting.reset()
  runWarm(auth, cookie, 1_000)
  const storeOps = counting.requestOperations()
  report(
    {
      name: 'guard',
      rows: [
        { id: 'guard.warm', value: warm, unit: 'ns', wanted: '< 2000', ok: warm < 2_000 },
        { id: 'guard.store-ops', value: storeOps, unit: 'per 1,000 warm requests', wanted: '0', ok: storeOps === 0 },
        ...peerRow('peer.express-session', session, warm),
        ...peerRow('peer.express-openid-connect', oidc, warm),
      ],
    },
    process.argv,
  )
} finally {
  await auth.close()
  await provider.close()
}

function peerRow(id: string, value: number, warm: number) {
  return [{ id, value, unit: 'ns', versus: 'guard.warm', wanted: 'ratio >= 20', ok: value / warm >= 20 }]
}

function runWarm({ authenticate }: Auth, cookie: string, times: number): void {
  for (let i = 0; i < times; i++) {
    const session = authenticate(cookie)
    if (session === undefined || session instanceof Promise) throw new Error('this request was not a warm one')
  }
}

async function peers() {
  installPeers()
  const data = {
    claims: { iss: provider.issuer, sub: 'alice', name: 'Alice Liddell', email: 'alice@example.com' },
    id_token: 'i'.repeat(900),
    access_token: 'a'.repeat(43),
    refresh_token: 'r'.repeat(43),
  }
  const { expressSession } = await import('./peers/express-session.mjs')
  const { expressOpenidConnect } = await import('./peers/express-openid-connect.mjs')
  const repeat = (one: () => Promise<void>) => async (times: number) => {
    for (let i = 0; i < times; i++) await one()
  }
  return [
    { id: 'peer.express-session', run: repeat(await expressSession(data)), perRun: 500 },
    { id: 'peer.express-openid-connect', run: repeat(await expressOpenidConnect(data)), perRun: 50 },
  ]
}

/** Nanoseconds per request. */
async function timeFor(ms: number, run: (times: number) => void | Promise<void>, perRun: number): Promise<number> {
  const startedAt = performance.now()
  let requests = 0
  do {
    await run(perRun)
    requests += perRun
    // A server's event loop turns between requests; without that no poll would ever renew the lease.
    await setImmediate()
  } while (performance.now() - startedAt < ms)
  return ((performance.now() - startedAt) / requests) * 1e6
}

/** A real sign-in through the real provider; returns the Cookie header of a browser that has it. */
async function signIn({ handle }: Auth): Promise<string> {
  const browser = createUserAgent()
  const jar = new Map<string, string>()
  const ask = async (url: string): Promise<AuthReply> => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers: Record<string, string> = { cookie, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
    const reply = await handle({
      method: 'GET',
      url,
      header: (name) => headers[name],
      form: async () => new URLSearchParams(),
    })
    for (const [name, value] of reply?.headers ?? []) {
      if (name.toLowerCase() === 'set-cookie') jar.set(...(value.split(';')[0]!.split(/=(.*)/s) as [string, string]))
    }
    return reply!
  }
  const location = (reply: AuthReply): string => reply.headers.find(([name]) => name.toLowerCase() === 'location')![1]
  const callback = new URL(await browser.signInAtProvider(location(await ask('/auth/login')), { user: 'alice' }))
  await ask(callback.pathname + callback.search)
  return `theme=dark; sallyport=${jar.get('sallyport')}; lang=en`
}
