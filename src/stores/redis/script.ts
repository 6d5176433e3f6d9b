import { createHash } from 'node:crypto'
import type { Connection } from './connection.ts'
import type { Argument } from './driver.ts'
import { RedisError } from './error.ts'

/** What scripts are told, besides their keys. */
export type Parameter =
  | 'absoluteMs'
  | 'ageMs'
  | 'bucket'
  | 'buckets'
  | 'candidate'
  | 'capacity'
  | 'channel'
  | 'ending'
  | 'except'
  | 'first'
  | 'from'
  | 'hash'
  | 'idleMs'
  | 'incarnation'
  | 'index'
  | 'indexes'
  | 'known'
  | 'knownStalenessMs'
  | 'layout'
  | 'limit'
  | 'max'
  | 'maxNamed'
  | 'maxStalenessMs'
  | 'name'
  | 'names'
  | 'prefix'
  | 'promised'
  | 'publish'
  | 'record'
  | 'remembered'
  | 'sid'
  | 'subject'
  | 'sum'
  | 'version'
  | 'versioned'

/** A script that runs on the server as one atomic unit. */
export interface Script {
  readonly lua: string
  readonly sha: string
  readonly parameters: readonly Parameter[]
}

/** One run of a script. */
export interface Run {
  script: Script
  keys: readonly string[]
  args: Partial<Record<Parameter, string | number | Uint8Array>>
  /** When the operation began. */
  startedAt: number
}

/** One run of a script, with its arguments as they are sent. */
export interface Evaluation {
  script: Script
  keys: readonly string[]
  values: readonly Argument[]
  startedAt: number
}

/** The parameters are local variables of the body, which sees the keys as `KEYS`. */
export function script(parameters: readonly Parameter[], body: string): Script {
  const values = parameters.map((_, i) => `ARGV[${i + 1}]`)
  const lua = `local ${parameters.join(', ')} = ${values.join(', ')}\n${body}`
  return { lua, sha: createHash('sha1').update(lua).digest('hex'), parameters }
}

/** Runs a script. */
export async function runScript(connection: Connection, { script: own, keys, args, startedAt }: Run): Promise<unknown> {
  return evaluate(connection, { script: own, keys, values: argumentsOf(own.parameters, args), startedAt })
}

/** The values of these parameters, as a script takes them. */
export function argumentsOf(parameters: readonly Parameter[], args: Run['args']): Argument[] {
  return parameters.map((name) => {
    const value = args[name]
    if (value === undefined) throw new TypeError(`the script needs ${name}`)
    return typeof value === 'number' ? String(value) : value
  })
}

/** Runs a script, which the server may have forgotten: then nothing of it has run, and it is sent in full. */
export async function evaluate(
  connection: Connection,
  { script: { lua, sha }, keys, values, startedAt }: Evaluation,
): Promise<unknown> {
  const rest = [String(keys.length), ...keys, ...values]
  try {
    return await connection.send(['EVALSHA', sha, ...rest], startedAt)
  } catch (error) {
    if (!(error instanceof RedisError) || error.code !== 'NOSCRIPT') throw error
    return connection.send(['EVAL', lua, ...rest], startedAt)
  }
}
