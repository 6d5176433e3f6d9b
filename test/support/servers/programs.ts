import { accessSync, constants, globSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { kinds } from './kinds.ts'
import type { ServerKind } from './kinds.ts'

/** A program, after the loader that starts it if it is not the machine's own. */
export type Command = readonly [string, ...string[]]

export interface Programs {
  server: Command
  /** PostgreSQL only: what makes the data directory. */
  initdb?: Command
  /** The folder with `bin` or `sbin`, `lib` and `share`. */
  home: string
}

/** Where Debian and others put servers, relative to the root of a file tree. */
export const programFolders: readonly string[] = [
  'usr/sbin',
  'usr/bin',
  'usr/local/sbin',
  'usr/local/bin',
  'usr/libexec',
]

/** The first of the folders that has what this kind needs. */
export function programsIn(folders: readonly string[], kind: ServerKind): Programs | undefined {
  const { family, program } = kinds[kind]
  for (const folder of folders) {
    const file = join(folder, program)
    if (!isExecutable(file)) continue
    // Programs find the rest of theirs beside where they really are.
    const bin = dirname(realpathSync(file))
    const found = { server: [join(bin, program)] as const, home: dirname(bin) }
    if (family !== 'postgres') return { server: [file], home: found.home }
    if (isExecutable(join(bin, 'initdb'))) return { ...found, initdb: [join(bin, 'initdb')] }
  }
  return undefined
}

export function installedPrograms(kind: ServerKind): Programs | undefined {
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  return programsIn([...path, ...programFolders.map((folder) => `/${folder}`), ...postgresFolders('/')], kind)
}

/** Debian has each version of PostgreSQL in a folder of its own. The newest first. */
export function postgresFolders(root: string): string[] {
  const version = (folder: string): number => Number(/(\d+)\/bin$/.exec(folder)?.[1])
  return globSync(join(root, 'usr/lib/postgresql/*/bin')).sort((a, b) => version(b) - version(a))
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
