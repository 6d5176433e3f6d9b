import { globSync } from 'node:fs'
import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Scope } from '../databases.ts'
import { debianFiles } from './debian.ts'

/** The clock of a private server: `startServer(kind, { env: clock.env })`. */
export interface ServerClock {
  env: Readonly<Record<string, string>>
  /** Sets the wall clock so many seconds ahead of this machine's, or behind it, at once; the monotonic one runs on. */
  set(aheadSec: number): Promise<void>
}

/** A wall clock that is right until it is set. Throws if libfaketime cannot be had. */
export async function serverClock(scope: Scope): Promise<ServerClock> {
  const library = await faketime()
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-clock-'))
  scope.after(() => rm(folder, { recursive: true, force: true }))
  await chmod(folder, 0o755)
  const file = join(folder, 'clock')
  const set = async (aheadSec: number): Promise<void> => {
    // Moved into place, so that nobody reads it while it is empty.
    await writeFile(`${file}.new`, `${aheadSec < 0 ? '-' : '+'}${Math.abs(aheadSec)}s\n`, { mode: 0o644 })
    await rename(`${file}.new`, file)
  }
  await set(0)
  return {
    set,
    env: {
      // With an allocator that asks for the time as it starts, as that of Redis does, the library would go round in circles.
      LD_PRELOAD: `${library}:libc.so.6`,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  }
}

/** Installed, or of Debian's package. */
async function faketime(): Promise<string> {
  const below = (root: string): string | undefined => globSync(`${root}/usr/lib/*/faketime/libfaketimeMT.so.1`)[0]
  const library = below('') ?? below(await debianFiles('libfaketime'))
  if (library === undefined) throw new Error('the package libfaketime has no libfaketimeMT.so.1')
  return library
}
