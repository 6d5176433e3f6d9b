/** What a server replied with, or how the connection to it ended; never with the arguments of the command. */
export class RedisError extends Error {
  /** The first word of the server's reply, e.g. `NOSCRIPT`; `CONNECTION` if there was no reply. */
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'RedisError'
    this.code = code
  }
}

/**
 * The driver's error in our words. It is not kept as a cause: drivers hang the arguments of the command on it, and
 * among those are keys and values.
 */
export function redisError(error: unknown): RedisError {
  if (error instanceof RedisError) return error
  if (!(error instanceof Error)) return new RedisError('CONNECTION', 'the connection failed')
  const [code] = /^[A-Z]{2,}\b/.exec(error.message) ?? []
  // A server that knows a command not repeats what it was given, ioredis the reply that nobody asked for.
  const message = error.message.replace(/(?:,? with args beginning with| Last reply: ).*/s, '')
  if (code !== undefined && !('syscall' in error)) return new RedisError(code, message)
  return new RedisError('CONNECTION', message === '' && 'code' in error ? String(error.code) : message)
}
