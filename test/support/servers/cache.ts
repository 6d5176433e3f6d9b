import { existsSync, statSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { serverUser } from './server-user.ts'

const inCheckout = fileURLToPath(new URL('../../../.cache/servers', import.meta.url))

/** Where unpacked servers are kept. Of root's, where the user that servers run as cannot reach the checkout: elsewhere. */
export function cacheFolder(checkout: string = inCheckout): string {
  return serverUser === undefined || isOpenToAll(checkout) ? checkout : '/var/cache/sallyport-servers'
}

/** The folder `name`, which `fill` fills if it is not there: once, however many processes ask, and never by half. */
export async function cached(
  name: string,
  fill: (draft: string) => Promise<void>,
  folder: string = cacheFolder(),
): Promise<string> {
  const home = join(folder, name)
  if (existsSync(home)) return home
  await mkdir(folder, { recursive: true })
  const unlock = await lock(`${home}.lock`)
  let draft: string | undefined
  try {
    if (existsSync(home)) return home
    draft = await mkdtemp(`${home}.`)
    await fill(draft)
    await chmod(draft, 0o755)
    await rename(draft, home)
    return home
  } catch (error) {
    if (draft !== undefined) await rm(draft, { recursive: true, force: true })
    throw error
  } finally {
    await unlock()
  }
}

/** Waits for whoever has it. One whose process is gone is taken over. */
async function lock(path: string): Promise<() => Promise<void>> {
  for (;;) {
    const file = await open(path, 'wx').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
      return undefined
    })
    if (file !== undefined) {
      await file.writeFile(String(process.pid))
      await file.close()
      return () => rm(path, { force: true })
    }
    if (await isAbandoned(path)) await rm(path, { force: true })
    else await sleep(100)
  }
}

/** The number is written a moment after the file is there. */
async function isAbandoned(path: string): Promise<boolean> {
  const pid = await readFile(path, 'utf8').catch(() => '')
  if (pid === '') return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

function isOpenToAll(folder: string): boolean {
  const parent = dirname(folder)
  const passable = !existsSync(folder) || (statSync(folder).mode & 0o001) !== 0
  return passable && (parent === folder || isOpenToAll(parent))
}
