import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { createBrotliDecompress } from 'node:zlib'

const cache = fileURLToPath(new URL('../../.cache', import.meta.url))
const packed = join(dirname(fileURLToPath(import.meta.resolve('@sparticuz/chromium'))), '../bin')

/**
 * Unpacks the Chromium inside `@sparticuz/chromium` into `.cache/`, once per version. Not with the package's own
 * function: that one unpacks to fixed names in the shared temporary folder and leaves the libraries out.
 */
export async function unpackBundledChromium(): Promise<{ binary: string; env: Record<string, string> }> {
  const home = join(cache, `chromium-${await bundledVersion()}`)
  if (!existsSync(home)) await unpack(home)
  return {
    binary: join(home, 'chromium'),
    env: { LD_LIBRARY_PATH: join(home, 'lib'), FONTCONFIG_FILE: join(home, 'fonts.conf') },
  }
}

async function bundledVersion(): Promise<string> {
  const manifest = JSON.parse(await readFile(join(packed, '../package.json'), 'utf8')) as { version: string }
  return manifest.version
}

/** In a folder of its own and then renamed, so that test files running at once never see half of it. */
async function unpack(home: string): Promise<void> {
  await mkdir(cache, { recursive: true })
  const draft = await mkdtemp(`${home}.`)
  try {
    await inflate('chromium.br', createWriteStream(join(draft, 'chromium'), { mode: 0o755 }))
    await untar('al2023.tar.br', draft)
    await untar('fonts.tar.br', draft)
    await writeFile(join(draft, 'fonts.conf'), fontsConfig(home))
    await rename(draft, home)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    if (!existsSync(home)) throw error
  }
}

function inflate(name: string, into: Writable): Promise<void> {
  return pipeline(createReadStream(join(packed, name)), createBrotliDecompress(), into)
}

async function untar(name: string, into: string): Promise<void> {
  const tar = spawn('tar', ['-x', '--no-same-owner', '-f', '-', '-C', into], { stdio: ['pipe', 'inherit', 'inherit'] })
  const ended = once(tar, 'close')
  const [[status]] = await Promise.all([ended, inflate(name, tar.stdin).catch(ignoreEarlyEnd)])
  if (status !== 0) throw new Error(`tar could not unpack ${name}: status ${status}`)
}

/** tar stops reading where the archive says that it ends, be there more or not. Whether all is well says its status. */
function ignoreEarlyEnd(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE' && error.code !== 'EPIPE') throw error
}

/** The packed configuration names folders of AWS Lambda; ours adds the packed fonts to what the machine has, if anything. */
function fontsConfig(home: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>${join(home, 'fonts')}</dir>
  <cachedir>${join(home, 'fonts-cache')}</cachedir>
</fontconfig>
`
}
