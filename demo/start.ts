/**
 * The demo: a provider and two instances of one small application, three processes, until Ctrl-C.
 *
 * `app/` is the application, `app/auth.ts` and `app/app.ts` what any application would write; `pages/` is what it shows,
 * `measure/` how it watches sign-outs take effect, `provider/` the provider, `processes/` what keeps all three together.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { startChild } from './processes/child.ts'
import { startDatabase } from './processes/database.ts'
import { Problem, checkPorts, portsFrom } from './processes/ports.ts'
import type { InstanceSettings } from './app/instance.ts'
import type { Child } from './processes/child.ts'
import type { Database } from './processes/database.ts'
import type { Ports } from './processes/ports.ts'
import type { ProviderSettings } from './provider/process.ts'

/** Starts a child and resolves with its URL once it answers. */
type Start = (name: string, file: string, settings: ProviderSettings | InstanceSettings) => Promise<string>

try {
  const reason = await run()
  if (reason !== undefined) throw new Problem(reason)
  process.exit(0)
} catch (error) {
  console.error(error instanceof Problem ? `\n  ${error.message}\n` : error)
  process.exit(1)
}

/** Resolves when it is over: with why, or with `undefined` if somebody asked for the end. */
async function run(): Promise<string | undefined> {
  if (!existsSync(new URL('../dist/index.js', import.meta.url))) {
    throw new Problem('sallyport is not built yet: npm start does that first')
  }
  const ports = portsFrom(process.env['PORT'])
  await checkPorts(ports)

  const over = Promise.withResolvers<string | undefined>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => over.resolve(undefined))
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-demo-'))
  const children: Child[] = []
  const start: Start = (name, file, settings) => {
    const child = startChild(name, new URL(file, import.meta.url), settings)
    children.push(child)
    void child.ended.then(over.resolve)
    return child.ready
  }

  let database: Database | undefined
  startDatabase(process.env['STORE'], folder)
    .then((started) => startAll(ports, (database = started), start))
    .catch(over.reject)
  try {
    return await over.promise
  } finally {
    await Promise.all(children.map((child) => child.stop()))
    // One that is still starting ends with this process.
    await database?.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function startAll(ports: Ports, database: Database, start: Start): Promise<void> {
  const [a, b] = [`http://localhost:${ports.a}`, `http://localhost:${ports.b}`]
  const client = { clientId: 'demo', clientSecret: random() }
  const issuer = await start('the provider', 'provider/process.ts', {
    port: ports.provider,
    baseUrls: [a, b],
    ...client,
  })

  const shared = { issuer, ...client, secret: random(), peerKey: random(), databaseUrl: database.url }
  await Promise.all([
    start('instance A', 'app/instance.ts', { ...shared, name: 'A', port: ports.a, baseUrl: a, peerUrl: b }),
    start('instance B', 'app/instance.ts', { ...shared, name: 'B', port: ports.b, baseUrl: b, peerUrl: a }),
  ])
  printBanner({ a, b, provider: issuer, database: database.name })
}

/** New at every start: nothing of the demo is worth keeping. */
function random(): string {
  return randomBytes(32).toString('base64url')
}

/** What a stranger needs to know, once all three processes answer. */
function printBanner(started: { a: string; b: string; provider: string; database: string }): void {
  const bold = (text: string): string => styleText('bold', text)
  const dim = (text: string): string => styleText('dim', text)
  console.log(`
  ${bold('sallyport')}: sign in once, be known everywhere, be signed out everywhere

    instance A   ${bold(started.a)}
    instance B   ${bold(started.b)}
    provider     ${started.provider}

    sign in as   ${bold('alice')} or ${bold('bob')}, password ${bold('password')}

  ${dim(`Both instances answer from their own memory and share ${started.database}`)}
  ${dim('Ctrl-C ends everything.')}
`)
}
