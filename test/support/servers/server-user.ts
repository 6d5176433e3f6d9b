import { readFileSync } from 'node:fs'
import { chown } from 'node:fs/promises'

export interface User {
  uid: number
  gid: number
}

/** Whom servers run as: `nobody` where tests run as root, as PostgreSQL refuses root; else whoever runs the tests. */
export const serverUser: User | undefined = process.getuid?.() === 0 ? nobody() : undefined

export async function giveToServers(...paths: readonly string[]): Promise<void> {
  if (serverUser === undefined) return
  for (const path of paths) await chown(path, serverUser.uid, serverUser.gid)
}

function nobody(): User {
  const entry = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'))
  if (entry === null) throw new Error('servers for tests do not run as root, and /etc/passwd has no user nobody')
  return { uid: Number(entry[1]), gid: Number(entry[2]) }
}
