import type { Logger } from '../../shared/logger.ts'
import { isRefusal } from './channels.ts'
import type { Connection } from './connection.ts'
import type { RedisError } from './error.ts'

/** Tells the operator what the settings of the servers put at risk, once for all that are set alike. */
export function warnOfRisks(logger: Logger, risks: readonly string[]): void {
  for (const risk of new Set(risks)) logger.warn({ store: 'redis' }, risk)
}

/** Announces something that nobody listens to. Returns the refusal if the user may not announce anything. */
export async function tryToAnnounce(
  connection: Connection,
  startedAt: number,
  [publish, channel]: readonly ['PUBLISH' | 'SPUBLISH', string],
): Promise<RedisError | undefined> {
  try {
    await connection.send([publish, `${channel}:test`, ''], startedAt)
    return undefined
  } catch (error) {
    if (isRefusal(error)) return error
    throw error
  }
}

/** There will be no pushes, or none that others hear. `channel` is how the names of the channels begin. */
export function warnOfChannel(logger: Logger, channel: string, err: RedisError): void {
  const message = `the Redis user may not use the channels &${channel}*: changes reach other instances by polling only`
  logger.warn({ store: 'redis', err }, message)
}
