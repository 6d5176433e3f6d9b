import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { findChromium, launchChromium } from '../support/chromium.ts'

describe('the Chromium of the browser tests', () => {
  let browser: Browser
  before(async () => {
    browser = await launchChromium()
  })
  after(() => browser.close())

  test('renders text with a real font', async () => {
    const page = await browser.newPage()
    await page.goto(
      'data:text/html;charset=utf-8,<title>hello</title><span id=narrow>iiii</span><br><span id=wide>WWWW</span>',
    )
    assert.equal(await page.title(), 'hello')
    const widthOf = async (selector: string) => (await page.locator(selector).boundingBox())?.width ?? 0
    assert.ok((await widthOf('#wide')) > 2 * (await widthOf('#narrow')), 'glyphs are placeholder boxes of one width')
  })

  test('takes a screenshot', async () => {
    const page = await browser.newPage()
    await page.goto('data:text/html;charset=utf-8,<h1>Signed in as alice</h1>')
    await mkdir('test-output', { recursive: true })
    const picture = await page.screenshot({ path: 'test-output/chromium.png' })
    await page.setContent('')
    assert.notDeepEqual(picture, await page.screenshot(), 'the heading left no mark on the picture')
  })
})

describe('where Chromium comes from', () => {
  const saved = { ...process.env }
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-chromium-'))
  })
  after(async () => {
    process.env = saved
    await rm(folder, { recursive: true })
  })

  test('the environment comes first', async () => {
    process.env = { ...saved, SALLYPORT_CHROMIUM: process.execPath }
    assert.deepEqual(await findChromium(), { from: 'environment', binary: process.execPath, env: {} })
  })

  test('a variable that names no executable is an error, not a reason to look elsewhere', async () => {
    process.env = { ...saved, SALLYPORT_CHROMIUM: join(folder, 'nothing-here') }
    await assert.rejects(findChromium(), /SALLYPORT_CHROMIUM names .*nothing-here/)
  })

  test('an installed browser on the PATH comes before the bundled one', async () => {
    const binary = join(folder, 'google-chrome')
    await writeFile(binary, '', { mode: 0o755 })
    process.env = { ...saved, SALLYPORT_CHROMIUM: '', CHROME_PATH: '', PATH: folder }
    assert.deepEqual(await findChromium(), { from: 'installed', binary, env: {} })
  })
})
