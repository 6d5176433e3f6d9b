import { ClientSecretPost, None } from 'openid-client'
import type { ClientAuth } from 'openid-client'

export type ClientAuthMethod = 'client_secret_basic' | 'client_secret_post' | 'none'

/** How the client proves at the provider who it is. */
export function clientAuth(
  clientId: string,
  secret: string | undefined,
  method: ClientAuthMethod | undefined,
): ClientAuth {
  if (secret === undefined || method === 'none') return None()
  if (method === 'client_secret_post') return ClientSecretPost(secret)
  // openid-client escapes `-` and `.` too, which is allowed (RFC 6749 appendix B) but lost on providers that do not
  // unescape at all; these characters mean the same either way.
  const credentials = btoa(`${encodeURIComponent(clientId)}:${encodeURIComponent(secret)}`)
  return (...[, , , headers]) => headers.set('authorization', `Basic ${credentials}`)
}
