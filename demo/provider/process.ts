import { runChild } from '../processes/child.ts'
import { startProvider } from '../provider.ts'

export interface ProviderSettings {
  port: number
  /** The instances that may sign users in. */
  baseUrls: readonly string[]
  clientId: string
  clientSecret: string
}

await runChild<ProviderSettings>(async ({ port, baseUrls, clientId, clientSecret }) => {
  const provider = await startProvider({
    port,
    clients: [
      {
        clientId,
        clientSecret,
        redirectUris: baseUrls.map((url) => `${url}/auth/callback`),
        postLogoutRedirectUris: baseUrls.map((url) => `${url}/`),
      },
    ],
    // So short that refreshes can be watched.
    accessTokenTtlSec: 60,
  })
  return { url: provider.issuer, close: provider.close }
})
