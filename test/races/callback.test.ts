import assert from 'node:assert/strict'
import type { AuthReply } from '../../src/auth/http.ts'
import { racesOf } from '../support/race.ts'
import { simulatedSignIn } from '../support/simulated-sign-in.ts'
import type { SimulatedSignIn } from '../support/simulated-sign-in.ts'
import type { Simulation } from '../support/simulation.ts'

const race = racesOf(import.meta.url)

const racers = 100

race(
  '100 racers on one callback: exactly one session, and everybody else is sent on kindly',
  { plan: { instances: 3 } },
  async (sim) => {
    const app = simulatedSignIn(sim)
    const replies = await raceForCallback(sim, app)
    const [winners, losers] = [replies.filter(isSignedIn), replies.filter((reply) => !isSignedIn(reply))]
    assert.equal(winners.length, 1)
    assert.equal(app.exchanges, 1)
    assert.equal((await sim.anyInstance.service.list({ subject: 'alice' })).length, 1)
    for (const { status, headers } of losers) {
      assert.equal(status, 302)
      assert.equal(headers.find(([name]) => name === 'Location')?.[1], '/auth/login?again=1')
    }
  },
)

race(
  '100 racers on one callback over a network that loses answers: never two sessions',
  { plan: { instances: 2 }, sees: ['one', 'none'] },
  async (sim) => {
    const app = simulatedSignIn(sim)
    const replies = await raceForCallback(sim, app, () => {
      for (const { toStore } of sim.instances) {
        toStore.trouble = () => (sim.scheduler.random.chance(0.4) ? 'reply lost' : undefined)
      }
    })
    for (const { toStore } of sim.instances) toStore.trouble = () => undefined
    const winners = replies.filter(isSignedIn)
    assert.ok(winners.length <= 1)
    assert.ok(app.exchanges <= 1)
    sim.saw(winners.length === 1 ? 'one' : 'none')
  },
)

/** Starts a sign-in, and lets everybody come back from the provider with its answer at about the same time. */
async function raceForCallback(
  sim: Simulation,
  app: SimulatedSignIn,
  beforehand = (): void => {},
): Promise<AuthReply[]> {
  const login = await app.navigate(sim.anyInstance, '/auth/login', '')
  const location = login.headers.find(([name]) => name === 'Location')![1]
  const state = new URL(location).searchParams.get('state')!
  const cookie = login.headers.find(([name]) => name === 'Set-Cookie')![1].split(';')[0]!
  await Promise.all(sim.instances.map(({ service }) => service.ready()))
  beforehand()
  return Promise.all(
    Array.from({ length: racers }, async () => {
      await sim.pause(50)
      return app.navigate(sim.anyInstance, `/auth/callback?state=${state}&code=code`, cookie)
    }),
  )
}

function isSignedIn({ headers }: AuthReply): boolean {
  return headers.some(([name, value]) => name === 'Set-Cookie' && value.startsWith('session='))
}
