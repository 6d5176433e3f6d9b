/** The shape pino, bunyan and Fastify share: fields first, then the message. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

const silent = (): void => {}

/** Warnings and errors, one line of JSON each. */
export const consoleLogger: Logger = {
  debug: silent,
  info: silent,
  warn: (fields, message) => console.warn(line('warn', fields, message)),
  error: (fields, message) => console.error(line('error', fields, message)),
}

/** A logger that fails, as one whose worker has gone, must not take with it whoever has something to tell. */
export function unfailing(logger: Logger): Logger {
  const telling = (level: keyof Logger) => (fields: object, message: string) => {
    try {
      const told: unknown = logger[level](fields, message)
      if (told instanceof Promise) told.catch(() => {})
    } catch {
      // There is nobody left to tell.
    }
  }
  return { debug: telling('debug'), info: telling('info'), warn: telling('warn'), error: telling('error') }
}

function line(level: string, fields: object, message: string): string {
  const { err, ...rest } = fields as { err?: unknown }
  return `sallyport ${level}: ${message} ${JSON.stringify({ ...rest, ...(err === undefined ? {} : { err: describe(err) }) })}`
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const cause = error.cause === undefined ? '' : ` <- ${describe(error.cause)}`
  return `${error.name}: ${error.message}${cause}`
}
