// node --expose-gc test/memory/read-headers.ts <bytes>: sessions read from `Cookie` headers with so many other bytes;
// prints the bytes of heap that each of them takes.
import { randomBytes } from 'node:crypto'
import { Authenticator } from '../../src/session/authenticator.ts'
import { SessionLifecycle } from '../../src/session/session-lifecycle.ts'
import { assembleSessionParts } from '../../src/session/session-parts.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import { usedHeap } from '../support/heap.ts'
import { cookieName, firstTokens, issuer, sessionOptions } from '../support/session-process.ts'

const otherBytes = Number(process.argv[2])
const sessions = 10_000

const clock = manualClock()
const store = memoryStore({ clock })
const signingIn = assembleSessionParts(sessionOptions(store, clock, { cache: { enableL1: false } }).options)
const reading = assembleSessionParts(sessionOptions(store, clock, { cache: { l1MaxCapacity: sessions } }).options)
const authenticator = new Authenticator(reading, undefined)

const texts: string[] = []
for (let i = 0; i < sessions; i++) texts.push(await signIn(`user-${i}`))
await authenticator.find(headerWith(texts[0]!))
reading.partition.dropAll()

const before = usedHeap()
for (const text of texts) {
  const entry = await authenticator.find(headerWith(text))
  if (entry?.text !== text) throw new Error('a session was not found')
}
const bytes = usedHeap() - before
const { entries } = reading.partition.stats()
console.log(JSON.stringify({ entries, bytesPerSession: bytes / entries }))
await signingIn.tiers.close()
await reading.tiers.close()

async function signIn(sub: string): Promise<string> {
  const opening = { claims: { sub, iss: issuer }, tokens: firstTokens(clock), data: {} }
  const { text } = await new SessionLifecycle(signingIn).open(opening, { cookieHeader: undefined, setCookie: () => {} })
  return text
}

/** One piece of memory, as a header is that came over the wire. */
function headerWith(text: string): string {
  const other = randomBytes(otherBytes / 2).toString('hex')
  return Buffer.from(`consent=${other}; ${cookieName}=${text}; theme=dark`).toString('latin1')
}
