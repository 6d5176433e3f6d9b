import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import type { ReadReply, SealingOptions } from '../../src/index.ts'
import { neverRefreshed, type SessionRecord } from '../../src/session/record.ts'
import { startWorld, storeKinds } from '../support/app.ts'
import type { StoreKind, World } from '../support/app.ts'
import { sealModes } from '../support/seal-modes.ts'
import { createUserAgent } from '../support/user-agent.ts'
import type { UserAgent } from '../support/user-agent.ts'
import { askMe, setCookies, signedIn } from '../support/sign-in.ts'
import { wrapStore } from '../support/wrapped-store.ts'

type Values = Map<string, Uint8Array>
type Tamper = (value: Uint8Array, key: string, all: Values) => Uint8Array

interface Tampered {
  world: World
  browser: UserAgent
  tamperWith: (tamper: Tamper | undefined) => void
}

/** A database whose rows somebody else can write. */
async function start(t: TestContext, store: StoreKind, session: SealingOptions): Promise<Tampered> {
  const all: Values = new Map()
  let tamper: Tamper | undefined
  const world = await startWorld(t, {
    store,
    options: { cache: { enableL1: false }, session },
    wrap: (inner) =>
      wrapStore(inner, async (operation, call) => {
        const reply = await call()
        if (operation !== 'read') return reply
        const { entries, storeNow } = reply as ReadReply
        for (const entry of entries) if (entry !== undefined) all.set(entry.key, entry.value)
        const changed = entries.map((entry) =>
          entry === undefined || tamper === undefined
            ? entry
            : { ...entry, value: tamper(Uint8Array.from(entry.value), entry.key, all) },
        )
        return { entries: changed, storeNow }
      }),
  })
  const bob = await signedIn(world.app, 'bob')
  const browser = await signedIn(world.app)
  for (const reader of [bob, browser]) assert.equal((await askMe(reader, world.app)).status, 200)
  return { world, browser, tamperWith: (next) => (tamper = next) }
}

/** It has all that a session must have. */
const forged: SessionRecord = {
  claims: { sub: 'mallory', iss: 'https://login.example' },
  data: { notes: [] },
  tokens: { accessToken: 'x', tokenType: 'Bearer' },
  tokensAt: 1,
  refresh: neverRefreshed,
}

const tamperings: [what: string, tamper: Tamper][] = [
  [
    'swapped with the row of another session',
    (value, key, all) => [...all].find(([other]) => other !== key)?.[1] ?? value,
  ],
  ...[0, 1, 12, 40, -1].map((at): [string, Tamper] => [
    `with one bit changed at ${at}`,
    (value) => value.map((byte, i) => (i === (at < 0 ? value.length + at : at) ? byte ^ 1 : byte)),
  ]),
  ['truncated', (value) => value.slice(0, -1)],
  ['cut to one byte', (value) => value.slice(0, 1)],
  ['emptied', () => new Uint8Array()],
  ['lengthened', (value) => Uint8Array.from([...value, 0])],
  ['of zeros', (value) => new Uint8Array(value.length)],
  ['replaced by readable JSON', () => Buffer.from(JSON.stringify(forged))],
  ...[2, 3, 4, 5, 8].map((format): [string, Tamper] => [
    `relabelled as format ${format}`,
    (value) => value.map((byte, i) => (i > 0 ? byte : byte === format ? 1 : format)),
  ]),
]

const sealed = sealModes.filter(({ format }) => format !== undefined)
const cases = storeKinds.flatMap((store) => sealed.map((mode) => ({ store, ...mode })))

for (const { store, name, session } of cases) {
  describe(`a row changed by somebody else, in ${store}, seal: ${name}`, () => {
    it('never opens, signs nobody out, and crashes nothing', async (t) => {
      const { world, browser, tamperWith } = await start(t, store, session)
      for (const [what, tamper] of tamperings) {
        await t.test(what, async () => {
          tamperWith(tamper)
          const page = await askMe(browser, world.app)
          assert.ok(page.status === 401 || page.status === 503, `status ${page.status}: ${page.text}`)
          assert.deepEqual(setCookies(page), [])
          tamperWith(undefined)
          assert.match((await askMe(browser, world.app)).text, /"alice"/)
          assert.equal((await createUserAgent().get(`${world.app.baseUrl}/public`)).status, 200)
        })
      }
    })
  })
}
