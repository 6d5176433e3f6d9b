import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { faultProxy } from '../../src/testing/fault-proxy.ts'
import { startServer } from '../support/servers/server.ts'
import type { TestServer } from '../support/servers/server.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'
import { lateReplies } from './late-replies.ts'
import { Ledger } from './ledger.ts'
import { operationTimeoutMs, outlast, recoveryOf, startTrial, trialOn } from './trial.ts'
import type { Place, Trial } from './trial.ts'

/** Minutes instead of seconds. */
const isLong = process.env['LONG'] === '1'

/** What every store has to live through. */
export function faultScenarios(place: Place): void {
  describe(`${place.kind} behind a bad network`, { skip: whyNotTested(place.kind, 'own') }, () => {
    networkFaults(place)
    serverFaults(place)
  })
}

function networkFaults(place: Place): void {
  let server: TestServer
  before(async () => void (server = await startServer(place.kind)))
  after(() => server.stop())

  const through = (name: string, begin: (trial: Trial) => unknown): void => {
    it(`${name}: refused in time, back by itself, nothing lost`, async (t) => {
      const trial = await trialOn(t, server, place)
      const { refusals } = await outlast(t, trial, {
        name,
        ms: 700,
        begin: () => begin(trial),
        end: () => trial.proxy.heal(),
      })
      assert.ok(refusals > 0, 'the fault was not felt')
    })
  }
  through('a black hole in both directions', ({ proxy }) => proxy.blackHole())
  through('a black hole towards the server', ({ proxy }) => proxy.blackHole({ direction: 'toServer' }))
  through('a black hole towards the client', ({ proxy }) => proxy.blackHole({ direction: 'toClient' }))
  through('connections that stay silent for ever', ({ proxy }) => proxy.blackHole({ held: 'lost' }))
  through('replies cut in the middle', ({ proxy }) => proxy.cutAfter(100, { direction: 'toClient' }))
  through('a network that flaps', ({ proxy }) => proxy.flap({ downMs: 100, upMs: 100 }))
  through('a way that is slower than the time limit', ({ proxy }) => proxy.latency(2 * operationTimeoutMs))

  it('an RST on every connection costs at most what was under way', async (t) => {
    const trial = await trialOn(t, server, place)
    const end = (): void => {}
    await outlast(t, trial, { name: 'RST', ms: 300, begin: () => trial.proxy.reset(), end })
  })

  it('a slow way within the time limit refuses nothing', async (t) => {
    const trial = await trialOn(t, server, place)
    await trial.ledger.use(200)
    trial.proxy.latency(operationTimeoutMs / 30)
    const account = await trial.ledger.use(600, 1)
    assert.equal(account.refusals, 0)
  })

  it('a late reply reaches nobody else', async (t) => {
    await lateReplies(t, await trialOn(t, server, place), isLong ? 1_000_000 : 100_000)
  })
}

function serverFaults(place: Place): void {
  it('a server that is down at start is waited for, without a restart of ours', async (t) => {
    const server = await startServer(place.kind)
    const proxy = await faultProxy({ target: { port: server.port } })
    t.after(() => Promise.all([proxy.close(), server.stop()]))
    await server.kill()
    const store = place.open(proxy.via(server.url), operationTimeoutMs)
    t.after(() => store.close())
    await assert.rejects(store.init({ maxStalenessMs: 1_000 }), { code: 'ERR_STORE_UNAVAILABLE' })
    await new Ledger(store).use(200)
    await server.restart()
    t.diagnostic(`${store.name}, down at start: recovered after ${Math.round(await recoveryOf(store))} ms`)
  })

  const seconds = isLong ? [2, 30] : [2]
  for (const each of seconds) {
    it(`a server that stands still for ${each} s: refused in time, back by itself, nothing lost`, async (t) => {
      const trial = await startTrial(t, place)
      const { server } = trial
      await outlast(t, trial, {
        name: `stopped for ${each} s`,
        ms: each * 1_000,
        begin: () => server.suspend(),
        end: () => server.resume(),
      })
    })
  }

  it('a server that is killed and started again: refused in time, back by itself', async (t) => {
    const trial = await startTrial(
      t,
      place,
      place.kind === 'redis' ? { config: ['appendonly yes', 'appendfsync always'] } : {},
    )
    const { server } = trial
    await trial.ledger.use(300)
    await outlast(t, trial, {
      name: 'killed',
      ms: 300,
      begin: () => server.kill(),
      end: () => server.restart(),
    })
  })
}
