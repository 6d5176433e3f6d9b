import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { chromium } from 'playwright-core'
import type { Browser } from 'playwright-core'
import { unpackBundledChromium } from './bundled-chromium.ts'

/** A Chromium binary, why this one was taken, and what its process needs in its environment. */
export interface FoundChromium {
  from: 'environment' | 'installed' | 'bundled' | 'apt'
  binary: string
  env: Record<string, string>
}

const flags = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts a headless Chromium; the caller closes it. */
export async function launchChromium(): Promise<Browser> {
  const { binary, env } = await findChromium()
  return chromium.launch({ executablePath: binary, args: flags, env: { ...environment(), ...env } })
}

/** The first that is there: named in the environment, installed, inside the registry package, from apt as root. */
export async function findChromium(): Promise<FoundChromium> {
  const found = fromEnvironment() ?? installed() ?? (await bundled()) ?? fromApt()
  if (found) return found
  throw new Error(
    'no Chromium for the browser tests. Install one (Debian: apt-get install chromium) or name its binary: ' +
      'SALLYPORT_CHROMIUM=/path/to/chromium npm test',
  )
}

function fromEnvironment(): FoundChromium | undefined {
  for (const name of ['SALLYPORT_CHROMIUM', 'CHROME_PATH']) {
    const binary = process.env[name]
    if (!binary) continue
    if (!isExecutable(binary)) throw new Error(`${name} names ${binary}, which is not an executable file`)
    return { from: 'environment', binary, env: {} }
  }
  return undefined
}

function installed(): FoundChromium | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  const candidates = [
    ...folders.flatMap((folder) => names.map((name) => join(folder, name))),
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ]
  const binary = candidates.find(isExecutable)
  return binary === undefined ? undefined : { from: 'installed', binary, env: {} }
}

async function bundled(): Promise<FoundChromium | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined
  return { from: 'bundled', ...(await unpackBundledChromium()) }
}

function fromApt(): FoundChromium | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined
  const run = (...args: string[]) => spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
  if (!run('update') || !run('install', '-y', '--no-install-recommends', 'chromium')) return undefined
  const found = installed()
  return found && { ...found, from: 'apt' }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function environment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}
