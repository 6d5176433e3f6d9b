import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tlsFault } from './tls.ts'

for (const [text, message] of [
  ['self-signed certificate in certificate chain', /from no authority trusted here/],
  ['unable to verify the first certificate', /from no authority trusted here/],
  ['unable to get local issuer certificate', /from no authority trusted here/],
  ["Hostname/IP does not match certificate's altnames: Cert is empty", /for another host name/],
  ['certificate has expired', /has expired/],
  ['certificate is not yet valid', /is the clock right/],
  ['SSL routines:ssl3_read_bytes:tlsv13 alert certificate required', /asks for a client certificate/],
  ['SSL routines:ssl3_get_record:wrong version number', /speaks no TLS/],
] as const) {
  test(`"${text}" is told in words for whoever reads the log`, () => assert.match(tlsFault(text) ?? '', message))
}

test('a connection that was cut says nothing of TLS', () => assert.equal(tlsFault('read ECONNRESET'), undefined))
