import type { Logger } from '../../src/shared/logger.ts'

export interface LogLine {
  level: keyof Logger
  fields: object
  message: string
}

/** A logger that keeps what it was told. */
export function recordingLogger(): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = []
  const at =
    (level: keyof Logger) =>
    (fields: object, message: string): void =>
      void lines.push({ level, fields, message })
  return { logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }, lines }
}
