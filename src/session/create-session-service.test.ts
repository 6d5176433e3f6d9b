import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import {
  cookieName,
  firstTokens,
  issuer,
  minute,
  sessionOptions,
  tokenLifeMs,
} from '../../test/support/session-process.ts'
import { heldStore, type HeldStore } from '../../test/support/held-store.ts'
import { watch } from '../../test/support/watch.ts'
import type { Store } from '../cache/store.ts'
import { memoryStore } from '../stores/memory.ts'
import { manualClock, type ManualClock } from '../testing/manual-clock.ts'
import { createSessionService } from './create-session-service.ts'
import type { SessionService } from './service.ts'
import type { Session } from './session.ts'

interface Notes extends Record<string, unknown> {
  notes: string[]
}

interface World {
  service: SessionService<Notes>
  clock: ManualClock
  held: HeldStore
  told: string[]
}

function world(t: TestContext, inner?: Store, clock: ManualClock = manualClock()): World {
  const held = heldStore(inner ?? memoryStore({ clock }))
  const { options, told } = sessionOptions(held.store, clock)
  const service = createSessionService<Notes>(options)
  t.after(() => service.shutdown())
  return { service, clock, held, told }
}

/** A browser: it keeps the cookies it is given, and lets go of those it is told to. */
class Browser {
  readonly #jar = new Map<string, string>()

  get cookieHeader(): string | undefined {
    const pairs = [...this.#jar].map(([name, value]) => `${name}=${value}`)
    return pairs.length === 0 ? undefined : pairs.join('; ')
  }

  readonly setCookie = (line: string): void => {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!
    if (line.endsWith('Max-Age=0')) this.#jar.delete(name!)
    else this.#jar.set(name!, value!)
  }

  has(name: string): boolean {
    return this.#jar.has(name)
  }
}

async function signIn({ service, clock }: World, browser: Browser): Promise<Session<Notes>> {
  const opening = { claims: { sub: 'alice', iss: issuer }, tokens: firstTokens(clock), data: { notes: [] } }
  return service.open(opening, browser)
}

async function ask({ service }: World, browser: Browser): Promise<Session<Notes> | undefined> {
  return service.authenticate(browser.cookieHeader, browser.setCookie)
}

test('a session is opened, recognised at once, and closed', async (t) => {
  const started = world(t)
  const alice = new Browser()
  const opened = await signIn(started, alice)
  const found = started.service.authenticate(alice.cookieHeader)
  assert.ok(found !== undefined && !(found instanceof Promise))
  assert.equal(found.id, opened.id)
  assert.equal((await started.service.close(alice))?.claims.sub, 'alice')
  assert.equal(alice.cookieHeader, undefined)
  assert.equal(await ask(started, alice), undefined)
})

test('A’s cookie is answered with A’s session, whatever others do', async (t) => {
  const started = world(t)
  const browsers = Array.from({ length: 20 }, () => new Browser())
  const sessions = await Promise.all(browsers.map((browser) => signIn(started, browser)))
  await Promise.all(sessions.map((session, i) => session.update((draft) => void draft.notes.push(`note ${i}`))))
  for (const [i, browser] of browsers.entries()) {
    const found = await ask(started, browser)
    assert.deepEqual([found?.id, found?.data.notes], [sessions[i]!.id, [`note ${i}`]])
  }
})

test('what a browser wrote at one instance it reads at the next request at any other', async (t) => {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  const [here, there] = [world(t, inner, clock), world(t, inner, clock)]
  const alice = new Browser()
  await signIn(here, alice)
  await ask(there, alice)
  for (let i = 0; i < 5; i++) {
    const [writer, reader] = i % 2 === 0 ? [here, there] : [there, here]
    const session = (await ask(writer, alice))!
    await session.update((draft) => void draft.notes.push(`note ${i}`))
    assert.equal((await ask(reader, alice))?.data.notes.length, i + 1)
  }
})

test('a request sees what it changed', async (t) => {
  const started = world(t)
  const session = await signIn(started, new Browser())
  await session.update((draft) => void draft.notes.push('mine'))
  assert.deepEqual(session.data, { notes: ['mine'] })
})

describe('a session that is revoked', () => {
  test('through itself is over, its cookies are cleared, and the hook is told', async (t) => {
    const started = world(t)
    const alice = new Browser()
    const session = await signIn(started, alice)
    await session.revoke()
    assert.equal(alice.has(cookieName), false)
    assert.deepEqual(started.told, ['alice signed out: revoked'])
  })

  test('twice is told once', async (t) => {
    const started = world(t)
    const session = await signIn(started, new Browser())
    await session.revoke()
    await session.revoke()
    assert.equal(started.told.length, 1)
  })

  test('by its handle is over for the browser that has it, and the others stay', async (t) => {
    const started = world(t)
    const [phone, desktop] = [new Browser(), new Browser()]
    const lost = await signIn(started, phone)
    const kept = await signIn(started, desktop)
    const list = await started.service.list({ subject: 'alice' })
    assert.deepEqual(new Set(list.map(({ id }) => id)), new Set([lost.id, kept.id]))
    assert.equal(await started.service.revoke(lost.id), true)
    assert.equal(await ask(started, phone), undefined)
    assert.notEqual(await ask(started, desktop), undefined)
  })

  test('as one of the others leaves this one', async (t) => {
    const started = world(t)
    const [phone, desktop] = [new Browser(), new Browser()]
    await signIn(started, phone)
    const mine = await signIn(started, desktop)
    assert.equal(await started.service.revokeOthers(mine), 1)
    assert.equal(await ask(started, phone), undefined)
    assert.notEqual(await ask(started, desktop), undefined)
  })

  test('cannot be changed, refreshed or touched back to life', async (t) => {
    const started = world(t)
    const alice = new Browser()
    const session = await signIn(started, alice)
    await started.service.revokeAll({ subject: 'alice' })
    await started.clock.advance(tokenLifeMs)
    await assert.rejects(
      session.update(() => ({ notes: [] })),
      { code: 'ERR_SESSION_ENDED' },
    )
    await assert.rejects(session.accessToken(), { code: 'ERR_SESSION_ENDED' })
    assert.equal(await ask(started, alice), undefined)
    assert.equal((await started.held.store.stats()).entries, 0)
  })
})

describe('tokens', () => {
  test('are refreshed when they expired, for this request and the next', async (t) => {
    const started = world(t)
    const alice = new Browser()
    const session = await signIn(started, alice)
    await started.clock.advance(tokenLifeMs)
    assert.equal(await session.accessToken(), 'access 1')
    assert.equal(await session.idToken(), 'id 0')
    assert.equal(session.refreshCount, 1)
    assert.equal(await (await ask(started, alice))!.accessToken(), 'access 1')
  })
})

describe('the life of a session', () => {
  test('is as long as it is used, up to the absolute end', async (t) => {
    const started = world(t)
    const alice = new Browser()
    const { absoluteExpiresAt } = await signIn(started, alice)
    while (started.clock.wall() + 20 * minute < absoluteExpiresAt) {
      await started.clock.advance(20 * minute)
      assert.notEqual(await ask(started, alice), undefined)
      await started.clock.advance(0)
    }
    await started.clock.advance(absoluteExpiresAt - started.clock.wall())
    assert.equal(await ask(started, alice), undefined)
  })

  test('ends when it is not used', async (t) => {
    const started = world(t)
    const alice = new Browser()
    await signIn(started, alice)
    await started.clock.advance(30 * minute - 1)
    assert.notEqual(await ask(started, alice), undefined)
    await started.clock.advance(60 * minute)
    assert.equal(await ask(started, alice), undefined)
  })
})

describe('a store that is down', () => {
  test('is no "nobody": the question fails, and the cookie stays', async (t) => {
    const started = world(t)
    const alice = new Browser()
    await signIn(started, alice)
    started.held.hold('read', 'request')
    started.held.hold('epochs', 'request')
    await started.clock.advance(2_000)
    const asked = watch(ask(started, alice))
    await started.clock.advance(1_000)
    assert.equal(asked.error, 'ERR_STORE_UNAVAILABLE')
    assert.equal(alice.has(cookieName), true)
    for (const operation of ['read', 'epochs'] as const) started.held.pass(operation)
    assert.notEqual(await ask(started, alice), undefined)
  })

  test('is found out by a ping', async (t) => {
    const started = world(t)
    await started.service.ping()
    started.held.hold('ping', 'request')
    const pinged = watch(started.service.ping())
    await started.clock.advance(1_000)
    assert.equal(pinged.error, 'ERR_STORE_UNAVAILABLE')
  })
})

test('shutting down waits for a refresh under way, whose new tokens would be lost', async (t) => {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  // Two processes share the store, so neither closes it for the other.
  const lasting: Store = Object.assign(Object.create(heldStore(inner).store) as Store, { close: async () => {} })
  const [here, there] = [world(t, lasting, clock), world(t, lasting, clock)]
  const alice = new Browser()
  const session = await signIn(here, alice)
  await clock.advance(tokenLifeMs)
  here.held.hold('replace', 'answer')
  const token = watch(session.accessToken())
  await clock.advance(0)
  const closed = watch(here.service.shutdown())
  await clock.advance(0)
  here.held.pass('replace')
  here.held.release('replace')
  await clock.advance(0)
  assert.deepEqual([token.value, closed.state], ['access 1', 'fulfilled'])
  assert.equal(await (await ask(there, alice))!.accessToken(), 'access 1')
})

test('the counters and the lease are those of what happened', async (t) => {
  const started = world(t)
  const alice = new Browser()
  await signIn(started, alice)
  await ask(started, alice)
  await ask(started, new Browser())
  const { answers, sessions } = started.service.stats()
  assert.deepEqual([answers.l1, answers.l2, answers.refused, sessions.entries], [1, 0, 1, 1])
  assert.equal(started.service.lease(), 'held')
})

describe('how large the store is', () => {
  test('is what the store says', async (t) => {
    const started = world(t)
    await signIn(started, new Browser())
    const { entries } = await started.service.storeStats()
    assert.equal(entries, (await started.held.store.stats()).entries)
    assert.equal(entries, 1)
  })

  test('cannot be said while the store does not answer', async (t) => {
    const started = world(t)
    await started.service.ready()
    started.held.hold('stats', 'request')
    const asked = watch(started.service.storeStats())
    await started.clock.advance(1_000)
    assert.equal(asked.error, 'ERR_STORE_UNAVAILABLE')
  })
})
