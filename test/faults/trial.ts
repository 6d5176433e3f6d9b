import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Store } from '../../src/cache/store.ts'
import { faultProxy } from '../../src/testing/fault-proxy.ts'
import type { FaultProxy } from '../../src/testing/fault-proxy.ts'
import { startServer } from '../support/servers/server.ts'
import type { ServerOptions, TestServer } from '../support/servers/server.ts'
import type { ServerKind } from '../support/servers/kinds.ts'
import { Ledger } from './ledger.ts'
import type { Account } from './ledger.ts'

/** A kind of store and the server it is tried on. */
export interface Place {
  kind: ServerKind
  open(url: string, operationTimeoutMs: number): Store
}

/** A store whose way to its server leads through a proxy. */
export interface Trial {
  server: TestServer
  proxy: FaultProxy
  store: Store
  ledger: Ledger
}

export const operationTimeoutMs = 300

/** For a machine with other things to do; what was measured is printed. */
export const patienceMs = 1_500
const recoveryMs = 8_000

/** On a server of its own. */
export async function startTrial(t: TestContext, place: Place, options: ServerOptions = {}): Promise<Trial> {
  const server = await startServer(place.kind, options)
  t.after(() => server.stop())
  return trialOn(t, server, place)
}

/** On a server that nothing but its network is done to. */
export async function trialOn(t: TestContext, server: TestServer, { open }: Place): Promise<Trial> {
  const proxy = await faultProxy({ target: { port: server.port } })
  const store = open(proxy.via(server.url), operationTimeoutMs)
  t.after(async () => {
    await proxy.heal()
    await store.close()
    await proxy.close()
  })
  await within(10_000, () => store.init({ maxStalenessMs: 1_000 }))
  const ledger = new Ledger(store)
  await ledger.round({ answers: 0, refusals: 0, worstMs: 0 })
  return { server, proxy, store, ledger }
}

/** Uses the store during a fault, ends the fault, and waits until it works again; then nothing may be lost. */
export async function outlast(
  t: TestContext,
  { store, ledger }: Trial,
  fault: { name: string; ms: number; mayLoseEntries?: boolean; begin: () => unknown; end: () => unknown },
): Promise<Account> {
  await fault.begin()
  const account = await ledger.use(fault.ms)
  await fault.end()
  const recovered = await recoveryOf(store)
  await ledger.check({ mayLoseEntries: fault.mayLoseEntries ?? false })
  const { answers, refusals, worstMs } = account
  t.diagnostic(
    `${store.name}, ${fault.name}: ${answers} answered, ${refusals} refused, worst ${Math.round(worstMs)} ms ` +
      `of ${operationTimeoutMs}, recovered after ${Math.round(recovered)} ms`,
  )
  assert.ok(worstMs < operationTimeoutMs + patienceMs, `an operation took ${worstMs} ms`)
  return account
}

/** Milliseconds until requests and polls are answered again, without anybody's help. */
export async function recoveryOf(store: Store): Promise<number> {
  return within(recoveryMs, async () => {
    await store.read(['anything'])
    await store.create({ key: `probe-${performance.now()}`, value: new Uint8Array([48]), lifetime: { idleMs: 60_000 } })
    await store.epochs([])
  })
}

export async function within(ms: number, work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  for (;;) {
    try {
      await work()
      return performance.now() - startedAt
    } catch (error) {
      if (performance.now() - startedAt > ms) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
