import { kinds } from './kinds.ts'
import type { ServerKind } from './kinds.ts'

/** A server that cannot be had on this machine. The message says how to install it. */
export class MissingServer extends Error {
  readonly kind: ServerKind
  readonly because: string

  constructor(kind: ServerKind, because: string) {
    super(`no ${kind} for the tests: ${because}. To install it: ${kinds[kind].install}`)
    this.name = 'MissingServer'
    this.kind = kind
    this.because = because
  }
}
