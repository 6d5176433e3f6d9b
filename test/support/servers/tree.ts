import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { postgresFolders, programFolders, programsIn } from './programs.ts'
import type { ServerKind } from './kinds.ts'
import type { Command, Programs } from './programs.ts'

/** Programs, and what their processes need in their environment. */
export interface RunnablePrograms extends Programs {
  env: Record<string, string>
}

/** The server in a file tree that lacks no more than what this machine has. */
export function programsOfTree(root: string, kind: ServerKind): RunnablePrograms | undefined {
  const programs = programsBelow(root, kind)
  return programs && { ...programs, env: { LD_LIBRARY_PATH: libraryFolders(root).join(':') } }
}

/** The server in a file tree of another system, complete with its C library: started by the loader of that. */
export function programsOfSystem(root: string, kind: ServerKind): RunnablePrograms | undefined {
  const programs = programsBelow(root, kind)
  const loader = loaders.map((path) => join(root, path)).find((path) => existsSync(path))
  if (programs === undefined || loader === undefined) return undefined
  const start = [loader, '--library-path', libraryFolders(root).join(':')] as const
  const by = (command: Command): Command => [...start, ...command]
  const { server, initdb, home } = programs
  return { server: by(server), ...(initdb === undefined ? {} : { initdb: by(initdb) }), home, env: {} }
}

const loaders = [
  'lib64/ld-linux-x86-64.so.2',
  'usr/lib64/ld-linux-x86-64.so.2',
  'lib/ld-linux-aarch64.so.1',
  'usr/lib/ld-linux-aarch64.so.1',
]

function programsBelow(root: string, kind: ServerKind): Programs | undefined {
  return programsIn([...programFolders.map((folder) => join(root, folder)), ...postgresFolders(root)], kind)
}

function libraryFolders(root: string): string[] {
  const folders = [
    'usr/lib/*-linux-gnu*',
    'lib/*-linux-gnu*',
    'usr/lib64',
    'lib64',
    'usr/lib64/mysql/private',
    'usr/lib',
  ]
  return folders.flatMap((folder) => globSync(join(root, folder)))
}
