import { createPeer } from './peer.ts'
import { createSignOuts } from './sign-out.ts'
import { createSeen, createWatches } from './watch.ts'
import type { Auth } from 'sallyport'
import type { DemoData } from '../app/auth.ts'
import type { InstanceSettings } from '../app/instance.ts'
import type { AnswerLog, Burst, Figures, Instances } from './figures.ts'
import type { PeerServices } from './peer.ts'
import type { SignOuts } from './sign-out.ts'
import type { Seen } from './watch.ts'

/** What an instance knows about itself and about the other one. Nothing in here is needed to sign anybody in. */
export interface Measurements {
  seen: Seen
  signOuts: SignOuts
  /** What the other instance may ask for. */
  forPeer: PeerServices
  /** Asks both instances 1,000 times at once. */
  burst(cookieHeader: string): Promise<void>
  instances(): Promise<Instances>
}

export function createMeasurements(settings: InstanceSettings, auth: Auth<DemoData>, log: AnswerLog): Measurements {
  const { name, baseUrl: url, peerKey: key } = settings
  const peer = createPeer(settings.peerUrl, key)
  const seen = createSeen()
  const signOuts = createSignOuts(name, peer, seen)
  let lastBurst: Burst | undefined

  const figures = (): Figures => ({
    stats: auth.cache.stats(),
    medianMs: log.medianMs(),
    recent: log.recent(),
    burst: lastBurst,
    signOut: signOuts.last(),
  })
  const burstHere = async (cookieHeader: string): Promise<void> => {
    lastBurst = await burst(auth, cookieHeader)
  }

  return {
    seen,
    signOuts,
    forPeer: { key, seen, watches: createWatches(auth), figures, burst: burstHere },
    async burst(cookieHeader) {
      await Promise.all([burstHere(cookieHeader), peer.burst(cookieHeader)])
    },
    async instances() {
      const here = { name, url, here: true, figures: figures() }
      const there = { name: name === 'A' ? 'B' : 'A', url: peer.url, here: false, figures: await peer.figures() }
      return name === 'A' ? [here, there] : [there, here]
    },
  }
}

const rounds = 10
const atOnce = 100

/** Asks 1,000 times who sent this cookie. An instance that doesn't know it yet reads the store once, for all who ask. */
async function burst(auth: Auth<DemoData>, cookieHeader: string): Promise<Burst> {
  const started = performance.now()
  for (let round = 0; round < rounds; round += 1) {
    await Promise.all(Array.from({ length: atOnce }, async () => auth.authenticate(cookieHeader)))
  }
  return { answers: rounds * atOnce, tookMs: performance.now() - started }
}
