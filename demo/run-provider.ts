/** The demo's provider by itself, for an application of your own on this machine; until Ctrl-C. */
import { password, startProvider, users } from './provider.ts'

const { CLIENT_ID, CLIENT_SECRET, BASE_URL, PORT } = process.env
const client = { clientId: CLIENT_ID ?? 'my-app', clientSecret: CLIENT_SECRET ?? 'my-secret' }
const baseUrl = (BASE_URL ?? 'http://localhost:3000').replace(/\/$/, '')

const { issuer } = await startProvider({
  port: Number(PORT ?? 3002),
  clients: [{ ...client, redirectUris: [`${baseUrl}/auth/callback`], postLogoutRedirectUris: [`${baseUrl}/`] }],
})

console.log(`
  issuer         ${issuer}
  client         ${client.clientId}, secret ${client.clientSecret}
  redirect to    ${baseUrl}/auth/callback
  sign in as     ${Object.keys(users).join(' or ')}, password ${password}
`)
