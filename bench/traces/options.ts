import { parseArgs } from 'node:util'

/** A file to replay instead of what is there, and in how many entries. */
export interface TraceOptions {
  trace: string
  entries: number
}

/** What the command line asks for; nothing if all that is there. Throws an error that says what is wrong. */
export function readOptions(args: readonly string[]): TraceOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: { trace: { type: 'string' }, entries: { type: 'string' }, json: { type: 'boolean' } },
  })
  const { trace, entries } = values
  if (trace === undefined && entries === undefined) return undefined
  if (trace === undefined || entries === undefined) throw new Error('--trace FILE and --entries N go together')
  if (!/^\d{1,8}$/.test(entries) || Number(entries) < 1 || Number(entries) > 10_000_000) {
    throw new Error(`--entries must be a whole number from 1 to 10000000, not ${entries}`)
  }
  return { trace, entries: Number(entries) }
}
