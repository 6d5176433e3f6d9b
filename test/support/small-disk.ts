import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { serverUser } from './servers/server-user.ts'

/*
 * A file system of its own that only the processes below see, without being root: in a user namespace. In a second one
 * they are somebody else than root again, as PostgreSQL refuses that.
 */
const script = `
size=$1 place=$2 uid=$3 gid=$4
shift 4
mount -t tmpfs -o "size=$size,mode=0755" tmpfs "$place" || exit
exec unshare --user "--map-user=$uid" "--map-group=$gid" -- "$@"
`

/** Longer than any program takes; the processes it started end with it. */
const limitMs = 60_000

/** The reason why this machine gives nobody a small disk, or `false`. */
export function whyNoSmallDisk(): string | false {
  if (process.platform !== 'linux') return 'namespaces are a matter of Linux'
  const { status, stderr, error } = spawnSync('unshare', argumentsFor('1m', tmpdir(), ['true']), { encoding: 'utf8' })
  return status === 0 ? false : (error?.message ?? stderr.trim())
}

/** Runs a program of tests with all its temporary files on a disk of this size, e.g. `64m`. Resolves with what it printed. */
export async function onSmallDisk(size: string, program: string, ...args: readonly string[]): Promise<string> {
  const place = await mkdtemp(join(tmpdir(), 'sallyport-disk-'))
  const command = [process.execPath, '--no-warnings', fileURLToPath(new URL(program, import.meta.url)), ...args]
  const env = { ...process.env, TMPDIR: place, NODE_OPTIONS: '' }
  try {
    return await new Promise((resolve, reject) => {
      execFile('unshare', argumentsFor(size, place, command), { env, timeout: limitMs }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout.trim())
        else reject(new Error(`${program} ended with ${error.code ?? error.signal}:\n${stderr}`))
      })
    })
  } finally {
    await rm(place, { recursive: true })
  }
}

/** Takes all the room there is left on the disk of temporary files; returns what gives it back. */
export async function fillDisk(): Promise<() => Promise<void>> {
  fillHoles(tmpdir())
  const path = join(tmpdir(), 'ballast')
  const file = await open(path, 'w')
  const take = async (bytes: number): Promise<void> => {
    for (const piece = Buffer.alloc(bytes); ;) await file.write(piece)
  }
  for (const bytes of [1_048_576, 4_096]) {
    await take(bytes).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOSPC') throw error
    })
  }
  await file.close()
  return () => rm(path)
}

/** A server that has asked for room ahead counts on it, and may end where it has got a hole instead. */
function fillHoles(folder: string): void {
  const fill = 'for file; do fallocate --length "$(stat --format=%s "$file")" "$file" || exit; done'
  const { status, stderr } = spawnSync(
    'find',
    [folder, '-type', 'f', '-size', '+1000k', '-exec', 'sh', '-c', fill, 'sh', '{}', '+'],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(stderr)
}

function argumentsFor(size: string, place: string, command: readonly string[]): string[] {
  const { uid, gid } = serverUser ?? { uid: process.getuid!(), gid: process.getgid!() }
  const shell = ['sh', '-c', script, 'sh', size, place, String(uid), String(gid)]
  return ['--user', '--map-root-user', '--mount', '--', ...shell, ...command]
}
