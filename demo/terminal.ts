import type { Logger } from 'sallyport'

export interface Terminal {
  logger: Logger
  /** Lets warnings through from now on. */
  open(): void
}

/**
 * Where sallyport's warnings and errors go. At start it warns that cookies over plain http are not `Secure`: true, and
 * nothing to worry about on this machine, so the terminal opens after that.
 */
export function createTerminal(name: string): Terminal {
  let opened = false
  const print = (fields: object, message: string): void => {
    const { err } = fields as { err?: unknown }
    console.error(`  instance ${name}: ${message}${err instanceof Error ? ` (${err.message})` : ''}`)
  }
  return {
    logger: {
      debug() {},
      info() {},
      warn: (fields, message) => opened && print(fields, message),
      error: print,
    },
    open() {
      opened = true
    },
  }
}
