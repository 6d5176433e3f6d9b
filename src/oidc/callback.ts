import { untrusted } from './provider-error.ts'

const protocolParameters = ['code', 'state', 'iss', 'error', 'error_description', 'error_uri', 'response']
/** Entra ID's codes reach about 2,000 characters. */
const maxCodeLength = 8192

/** What openid-client lets pass in an authorization response. Rejects with `ERR_PROVIDER_RESPONSE`. */
export function checkCallback({ searchParams }: URL): void {
  for (const name of protocolParameters) {
    if (searchParams.getAll(name).length > 1) throw untrusted(`the callback has more than one \`${name}\``)
  }
  if (searchParams.get('iss') === '') throw untrusted('the callback has an empty `iss` (RFC 9207 §2.4)')
  if ((searchParams.get('code')?.length ?? 0) > maxCodeLength) throw untrusted('the callback has an overlong `code`')
}
