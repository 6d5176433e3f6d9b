import type { Logger } from '../../shared/logger.ts'
import type { Connection } from './connection.ts'
import { RedisError } from './error.ts'
import { risks } from './server-check.ts'

/** What is looked at once, when a store starts. */
export interface Inspection {
  logger: Logger
  /** Where bumps are announced; undefined: nobody is told. */
  channel: string | undefined
}

/** Tells the operator what the settings of the server put at risk, and whether it lets us announce bumps. */
export async function inspect(
  connection: Connection,
  startedAt: number,
  { logger, channel }: Inspection,
): Promise<void> {
  for (const risk of await risks(connection, startedAt)) logger.warn({ store: 'redis' }, risk)
  if (channel === undefined) return
  try {
    await connection.send(['PUBLISH', `${channel}:test`, ''], startedAt)
  } catch (error) {
    if (!(error instanceof RedisError) || error.code !== 'NOPERM') throw error
    warnOfChannel(logger, channel, error)
  }
}

/** There will be no pushes, or none that others hear. */
export function warnOfChannel(logger: Logger, channel: string, err: RedisError): void {
  const message = `the Redis user may not use the channels &${channel}*: changes reach other instances by polling only`
  logger.warn({ store: 'redis', err }, message)
}
