import { isServerKind, kinds } from '../test/support/servers/kinds.ts'
import { withVariable, withoutVariable } from '../test/support/servers/why-not-tested.ts'
import type { ServerKind } from '../test/support/servers/kinds.ts'

/** What the command line says about servers, each name or comma-separated names. */
export interface ServerWishes {
  /** Kinds that are tested on demand only. */
  with: readonly string[]
  without: readonly string[]
}

/** Tells the test files, and returns the kinds to leave out. */
export function heedWishes(wishes: ServerWishes): ServerKind[] {
  const without = kindsOf(wishes.without)
  process.env[withoutVariable] = without.join(',')
  process.env[withVariable] = kindsOf(wishes.with).join(',')
  return without
}

/** Names of servers, each maybe several with commas between. Throws at one that is no server. */
export function kindsOf(names: readonly string[]): ServerKind[] {
  const wanted = [...new Set(names.flatMap((name) => name.split(',')))]
  const wrong = wanted.find((name) => !isServerKind(name))
  if (wrong !== undefined) throw new Error(`no server is called ${wrong}: ${Object.keys(kinds).join(', ')} are`)
  return wanted.filter(isServerKind)
}
