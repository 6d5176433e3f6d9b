import { BrowserBinding } from '../../src/auth/browser-binding.ts'
import type { Context } from '../../src/auth/context.ts'
import { createHandle } from '../../src/auth/handle.ts'
import type { AuthReply, AuthRequest } from '../../src/auth/http.ts'
import { createRefuse } from '../../src/auth/refusals.ts'
import { settle } from '../../src/auth/settings.ts'
import type { Provider } from '../../src/oidc/provider.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import type { Counted } from './history.ts'
import { seededRandom } from './seeded-random.ts'
import { issuer, keyRing, secret, silent } from './simulated-instance.ts'
import type { Instance } from './simulated-instance.ts'
import type { Simulation } from './simulation.ts'

export const baseUrl = 'https://app.example'

export interface SimulatedSignIn {
  /** Sends a browser's request to an instance. */
  navigate(instance: Instance, url: string, cookie: string): Promise<AuthReply>
  /** Codes the provider exchanged for tokens. */
  readonly exchanges: number
}

/** The routes of every instance, over its simulated sessions and a provider that exchanges any code for alice's tokens. */
export function simulatedSignIn(sim: Simulation): SimulatedSignIn {
  const settings = settle({ issuer, clientId: 'web', baseUrl, secret, store: memoryStore() })
  let exchanges = 0

  function providerOf({ toProvider, machine }: Instance): Provider {
    return {
      ready: async () => {},
      isUp: async () => true,
      authorizationUrl: async ({ state }) => new URL(`${issuer}/authorize?state=${state}`),
      exchange: () =>
        toProvider.call('exchange', async () => {
          exchanges++
          return { claims: { sub: 'alice', iss: issuer }, tokens: sim.provider.issue(machine.wall() + 3_600_000) }
        }),
      refresh: () => Promise.reject(new Error('not asked for')),
      revoke: async () => {},
      endSessionUrl: async () => undefined,
    }
  }

  const handles = new Map(
    sim.instances.map((instance) => {
      const randomness = seededRandom(sim.scheduler.random.below(2 ** 32))
      const { bindingCookieName: name, isSecure: secure } = settings
      const context: Context<Counted> = {
        settings,
        keyRing,
        randomness,
        clock: instance.machine,
        logger: silent,
        sessions: instance.service,
        provider: providerOf(instance),
        binding: new BrowserBinding(keyRing, randomness, { name, secure }),
        hooks: { onSignIn: ({ sub }) => ({ data: { owner: sub, count: 0, marks: [] } }) },
        refuse: createRefuse({ settings, randomness, logger: silent }),
      }
      return [instance, createHandle(context)]
    }),
  )

  return {
    async navigate(instance, url, cookie) {
      const headers: Record<string, string> = {
        cookie,
        accept: 'text/html',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-dest': 'document',
      }
      const request: AuthRequest = {
        method: 'GET',
        url,
        header: (name) => headers[name],
        form: async () => new URLSearchParams(),
      }
      return (await handles.get(instance)!(request))!
    },
    get exchanges() {
      return exchanges
    },
  }
}
