import { meaningOf } from './signs.ts'
import type { Signs } from './signs.ts'

const untrusted =
  'the certificate of the server is from no authority trusted here; name that in the options of TLS or in NODE_EXTRA_CA_CERTS'

/** What Node.js and OpenSSL say. */
const signs: Signs = [
  ["does not match certificate's altnames", 'the certificate of the server is for another host name'],
  ['certificate has expired', 'the certificate of the server has expired'],
  ['certificate is not yet valid', 'the certificate of the server is not valid yet; is the clock right?'],
  ['self-signed certificate', untrusted],
  ['unable to verify', untrusted],
  ['unable to get', untrusted],
  ['certificate required', 'the server asks for a client certificate, and none was given'],
  ['wrong version number', 'the server speaks no TLS at this port'],
]

/** What an error of a socket says of the server's certificate or of TLS; undefined where it is about something else. */
export function tlsFault(text: string): string | undefined {
  return meaningOf(text, signs)
}
