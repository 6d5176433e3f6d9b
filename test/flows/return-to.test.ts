import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { startWorld } from '../support/app.ts'
import { createUserAgent } from '../support/user-agent.ts'

/** Each is a way in which browsers or parsers were talked into leaving a site. */
const hostile = [
  '//evil.example',
  '///evil.example',
  '////evil.example/x',
  '/\\evil.example',
  '\\\\evil.example',
  '\\/evil.example',
  '/\t/evil.example',
  '/\n/evil.example',
  '/\r/evil.example',
  '\t//evil.example',
  ' //evil.example',
  '\u0000//evil.example',
  'https:evil.example',
  'https:/evil.example',
  'https://evil.example/path',
  'HTTPS://evil.example',
  'http:\\\\evil.example',
  'javascript:alert(1)',
  'data:text/html,hello',
  '%2F%2Fevil.example',
  '%2f%5cevil.example',
  '/%2Fevil.example/..//evil.example',
  '/x/..//evil.example',
  '/.//evil.example',
  '/./\\evil.example',
  '/../../\\/evil.example',
  'evil.example',
  '@evil.example',
  '.evil.example',
  ':80@evil.example',
  '//localhost:1@evil.example',
  '/\u2028/evil.example',
  '/\uff0fevil.example',
  '//evil\u3002example',
  '/a\r\nset-cookie: planted=1',
  '/a\nlocation: https://evil.example',
  '',
  '?',
  '#',
]

const harmless: [asked: string, location: string][] = [
  ['/', '/'],
  ['/orders', '/orders'],
  ['/orders?tab=2&q=a%20b', '/orders?tab=2&q=a%20b'],
  ['/search?next=//evil.example', '/search?next=//evil.example'],
  ['/a%2Fb', '/a%2Fb'],
  ['/gr\u00fc\u00dfe', '/gr%C3%BC%C3%9Fe'],
]

describe('returnTo', () => {
  it('never leaves the origin, whatever it says', async (t) => {
    const { app } = await startWorld(t)
    const browser = createUserAgent()
    for (const returnTo of [...hostile, `/${'a'.repeat(10_000)}`, `//${'e'.repeat(10_000)}.example`]) {
      await t.test(inspect(returnTo.slice(0, 60)), async () => {
        const login = await browser.get(`${app.baseUrl}/auth/login?returnTo=${encodeURIComponent(returnTo)}`)
        if (login.location === undefined) return assert.ok(login.status >= 400 && login.status < 500)
        const page = await browser.get(await browser.signInAtProvider(login.location, { user: 'alice' }))
        assert.equal(new URL(page.location!).origin, app.baseUrl)
        assert.ok(!new URL(page.location!).pathname.startsWith('//'), page.location)
        assert.equal(browser.cookies(app.baseUrl).get('planted'), undefined)
      })
    }
  })

  it('is kept as it is where it is a path of ours', async (t) => {
    const { app } = await startWorld(t)
    const browser = createUserAgent()
    for (const [asked, location] of harmless) {
      await t.test(asked, async () => {
        const login = await browser.get(`${app.baseUrl}/auth/login?returnTo=${encodeURIComponent(asked)}`)
        const page = await browser.get(await browser.signInAtProvider(login.location!, { user: 'alice' }))
        assert.equal(page.location, `${app.baseUrl}${location}`)
      })
    }
  })

  it('given twice stays on the origin', async (t) => {
    const { app } = await startWorld(t)
    const browser = createUserAgent()
    const login = await browser.get(`${app.baseUrl}/auth/login?returnTo=/a&returnTo=//evil.example`)
    if (login.location === undefined) return assert.ok(login.status >= 400 && login.status < 500)
    const page = await browser.get(await browser.signInAtProvider(login.location, { user: 'alice' }))
    assert.equal(new URL(page.location!).origin, app.baseUrl)
  })

  it('of the guard keeps path and query, and a hostile path of a request stays on the origin', async (t) => {
    const { app } = await startWorld(t)
    const browser = createUserAgent()
    const guarded = await browser.get(`${app.baseUrl}//evil.example/x?y=1`)
    const login = await browser.get(guarded.location!)
    const page = await browser.get(await browser.signInAtProvider(login.location!, { user: 'alice' }))
    assert.equal(new URL(page.location!).origin, app.baseUrl)
  })
})
