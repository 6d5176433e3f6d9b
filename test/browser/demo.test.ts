import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { createClient } from 'redis'
import { launchChromium } from '../support/chromium.ts'
import { anyProcessLeft, freePorts, runDemo, startDemo } from '../support/demo-process.ts'
import type { DemoProcess } from '../support/demo-process.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'
import { createUserAgent } from '../support/user-agent.ts'

const pictures = fileURLToPath(new URL('../../test-output/', import.meta.url))

describe('the demo in a browser', { timeout: 120_000 }, () => {
  let demo: DemoProcess
  let chromium: Browser
  let contexts: BrowserContext[] = []
  /** What a developer would see in red. */
  let complaints: string[] = []

  before(async () => {
    mkdirSync(pictures, { recursive: true })
    ;[demo, chromium] = await Promise.all([startDemo(), launchChromium()])
  })
  after(async () => {
    await chromium?.close()
    demo?.interrupt()
    await demo?.exitCode
  })
  afterEach(async () => {
    await Promise.all(contexts.map((context) => context.close()))
    contexts = []
    const seen = complaints
    complaints = []
    assert.deepEqual(seen, [])
  })

  async function openBrowser(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await chromium.newContext(options)
    contexts.push(context)
    context.on('weberror', (error) => complaints.push(error.error().message))
    context.on('console', (message) => {
      // Chromium notes every 401 as an error; pages ask who they are when somebody signed out.
      if (message.type() === 'error' && !message.text().includes('401')) complaints.push(message.text())
    })
    return context.newPage()
  }

  async function signIn(page: Page, instance: string, user = 'alice'): Promise<void> {
    await page.goto(instance)
    await page.getByRole('link', { name: 'Sign in' }).click()
    await page.getByLabel('User').fill(user)
    await page.getByLabel('Password').fill('password')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Hello' }).waitFor()
  }

  async function status(page: Page, instance: string): Promise<number> {
    return (await page.request.get(`${instance}/api/me`)).status()
  }

  test('whoever signs in on A is known on B', async () => {
    const page = await openBrowser()
    await signIn(page, demo.a)
    await page.getByRole('link', { name: 'look there' }).click()
    await page.waitForURL(`${demo.b}/`)
    assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'Hello, Alice Liddell.')
    const me = (await (await page.request.get(`${demo.b}/api/me`)).json()) as { user: { sub: string } }
    assert.equal(me.user.sub, 'alice')
  })

  test('without a session the answer is 401, on both instances and both loopback addresses', async () => {
    const page = await openBrowser()
    assert.equal(await status(page, demo.a), 401)
    assert.equal(await status(page, demo.b), 401)
    assert.equal(await status(page, demo.b.replace('localhost', '127.0.0.1')), 401)
  })

  test('signing out everywhere on A ends the session of another browser on B, and the page tells after how long', async () => {
    const here = await openBrowser()
    const elsewhere = await openBrowser()
    await signIn(here, demo.a)
    await signIn(elsewhere, demo.b)
    assert.equal(await status(elsewhere, demo.b), 200)

    await here.getByRole('button', { name: 'Sign out everywhere' }).click()

    for (const page of [here, elsewhere]) {
      await page.locator('#sign-out', { hasText: /Refused on B after\s+[\d,]+ ms/ }).waitFor()
      await page.locator('#sign-out', { hasText: 'bound 1,000 ms' }).waitFor()
    }
    assert.equal(await status(elsewhere, demo.b), 401)
    // The page of the other browser notices by itself.
    await elsewhere.getByRole('link', { name: 'Sign in' }).waitFor()
    await takePictures(here, 'after-sign-out-everywhere')
  })

  test('signing out there ends the session there and no other', async () => {
    const here = await openBrowser()
    const elsewhere = await openBrowser()
    await signIn(here, demo.a, 'bob')
    await signIn(elsewhere, demo.b, 'bob')
    await here.reload()
    await takePictures(here, 'signed-in')

    await here.getByRole('button', { name: 'Sign out there' }).click()

    await here.getByText('That session has ended.').waitFor()
    await here.locator('#sign-out', { hasText: 'Signed out there on A' }).locator('text=Refused on B').waitFor()
    assert.equal(await status(elsewhere, demo.b), 401)
    assert.equal(await status(here, demo.a), 200)
  })

  test('signing out here ends the session on both instances', async () => {
    const page = await openBrowser()
    await signIn(page, demo.a)
    await page.getByRole('button', { name: 'Sign out here' }).click()
    await page.getByRole('link', { name: 'Sign in' }).waitFor()
    await page.locator('#sign-out', { hasText: 'Signed out here on A' }).locator('text=Refused on B').waitFor()
    assert.equal(await status(page, demo.a), 401)
    assert.equal(await status(page, demo.b), 401)
  })

  test('what is counted on A is read on B on the next request', async () => {
    const page = await openBrowser()
    await signIn(page, demo.a)
    for (const wanted of ['1', '2', '3']) {
      await page.goto(demo.a)
      await page.getByRole('button', { name: 'Count, then look on B' }).click()
      await page.waitForURL(`${demo.b}/#data`)
      assert.equal(await page.locator('output').textContent(), wanted)
    }
  })

  test('a thousand questions at once show where the answers come from', async () => {
    const page = await openBrowser()
    await signIn(page, demo.a)
    await page.getByRole('button', { name: 'Ask both 1,000 times' }).click()
    for (const name of ['A', 'B']) {
      await page.locator(`#instance-${name}`, { hasText: 'Asked 1,000 times in' }).waitFor()
    }
  })

  test('an access token that is still valid is used without asking the provider', async () => {
    const page = await openBrowser()
    await signIn(page, demo.a)
    await page.getByRole('button', { name: 'Use the access token' }).click()
    await page.getByText('Still valid: the provider was not asked.').waitFor()
  })

  test('signing in, counting and signing out work without scripts', async () => {
    const page = await openBrowser({ javaScriptEnabled: false })
    await page.goto(demo.a)
    await takePictures(page, 'signed-out')
    await page.getByRole('link', { name: 'Sign in' }).click()
    await takePictures(page, 'provider')
    await signIn(page, demo.a)
    await page.getByRole('button', { name: 'Count', exact: true }).click()
    assert.equal(await page.locator('output').textContent(), '1')
    await page.getByRole('button', { name: 'Sign out everywhere' }).click()
    await page.getByRole('heading', { name: 'Signed out everywhere.' }).waitFor()
    assert.equal(await status(page, demo.a), 401)
  })

  test('whoever comes by an address instead of the name is sent to the name', async () => {
    const page = await openBrowser()
    await page.goto(demo.a.replace('localhost', '127.0.0.1'))
    assert.equal(page.url(), `${demo.a}/`)
  })
})

describe('the demo in a terminal', { timeout: 60_000 }, () => {
  test('ends cleanly on Ctrl-C, with every process it started', async () => {
    const demo = await startDemo()
    demo.interrupt()
    assert.equal(await demo.exitCode, 0, demo.output())
    assert.ok(!anyProcessLeft(demo))
    assert.doesNotMatch(demo.output(), /\n\s+at /, 'a stack trace')
  })

  const proc = process.platform === 'linux' ? false : 'finds processes through /proc'
  test('ends with the reason when one of its processes dies', { skip: proc }, async () => {
    const demo = await startDemo()
    const [provider] = readFileSync(`/proc/${demo.process.pid}/task/${demo.process.pid}/children`, 'utf8').split(' ')
    process.kill(Number(provider), 'SIGKILL')
    assert.equal(await demo.exitCode, 1)
    assert.match(demo.output(), /the provider ended unexpectedly \(SIGKILL\)/)
    assert.ok(!anyProcessLeft(demo))
  })

  test('names a port that is in use, and the way out, before anything is started', async () => {
    const port = await freePorts()
    const occupant = createServer().listen(port + 1, '127.0.0.1')
    try {
      const demo = runDemo({ PORT: String(port) })
      assert.equal(await demo.exitCode, 1)
      assert.equal(demo.output().trim(), `port ${port + 1} is in use: PORT=${port + 1000} npm start moves all three`)
    } finally {
      occupant.close()
    }
  })

  for (const port of ['web', '0', '65534']) {
    test(`refuses PORT=${port} in a sentence`, async () => {
      const demo = runDemo({ PORT: port })
      assert.equal(await demo.exitCode, 1)
      assert.match(demo.output().trim(), /^PORT must be a whole number from 1 to 65533, .*$/)
    })
  }

  for (const store of ['oracle', 'toString', 'redis://[', 'file:///sessions.db']) {
    test(`refuses STORE=${store} in a sentence`, async () => {
      const demo = runDemo({ PORT: String(await freePorts()), STORE: store })
      assert.equal(await demo.exitCode, 1)
      assert.match(demo.output().trim(), /^STORE must be one of sqlite, postgres, mysql, redis, or the URL .*$/)
    })
  }

  test(
    'STORE=redis starts a Redis for both instances, which goes with the demo',
    { skip: whyNotTested('redis', 'own') },
    async () => {
      const demo = await startDemo({ STORE: 'redis' })
      const url = `redis://127.0.0.1:${/redis on port (\d+)/.exec(demo.output())?.[1]}`
      const client = createClient({ url })
      client.on('error', () => {})
      await client.connect()
      const browser = createUserAgent()
      try {
        const login = await browser.get(`${demo.a}/auth/login`)
        await browser.get(await browser.signInAtProvider(login.location!, { user: 'alice' }))
        assert.equal((await browser.get(`${demo.b}/api/me`)).status, 200)
        assert.equal((await client.keys('oidc_cache:entry:session:*')).length, 1)
      } finally {
        client.destroy()
        demo.interrupt()
      }
      assert.equal(await demo.exitCode, 0, demo.output())
      await assert.rejects(createClient({ url, socket: { reconnectStrategy: false } }).connect())
    },
  )
})

/** For people to look at: a phone and a desktop, light and dark. */
async function takePictures(page: Page, name: string): Promise<void> {
  const sizes = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } }
  for (const [device, size] of Object.entries(sizes)) {
    await page.setViewportSize(size)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await page.screenshot({ path: `${pictures}demo-${name}-${device}-${colorScheme}.png`, fullPage: true })
    }
  }
  await page.emulateMedia({ colorScheme: null })
}
