import { OneChannel } from './channels.ts'
import { driverLike } from './client.ts'
import type { Driver } from './driver.ts'
import type { RedisError } from './error.ts'
import { warnOfChannel } from './inspection.ts'
import { RedisKeys } from './keys.ts'
import { Lane } from './lane.ts'
import { nodeRedisAt } from './node-redis.ts'
import type { RedisSettings } from './options.ts'
import { Pushes } from './push.ts'
import { checkServer } from './server-check.ts'

/** One server that holds all of a store, and our connections to it. */
export class RedisServer {
  readonly keys: RedisKeys
  /** For operations. */
  readonly main: Lane
  /** For the poll of the epochs, whatever the others are at. */
  readonly poll: Lane
  readonly pushes: Pushes
  readonly #settings: RedisSettings
  readonly #driver: Driver

  constructor(settings: RedisSettings) {
    const { url, client, keyPrefix, clock, logger } = settings
    this.#settings = settings
    this.#driver = client === undefined ? nodeRedisAt(url ?? '') : driverLike(client)
    this.keys = new RedisKeys(keyPrefix, this.#driver.database)
    this.main = this.#lane()
    this.poll = this.#lane()
    this.pushes = new Pushes({
      channels: new OneChannel(this.#lane(), this.keys.channel),
      clock,
      onRefused: (error) => warnOfChannel(logger, this.keys.channel, error),
    })
  }

  /** The server is not the one to ask any more. */
  drop(reason: RedisError): void {
    this.main.drop(reason)
    this.poll.drop(reason)
  }

  close(): void {
    this.main.close()
    this.poll.close()
    this.pushes.close()
  }

  #lane(): Lane {
    const { clock, operationTimeoutMs: timeoutMs } = this.#settings
    return new Lane({ clock, timeoutMs, open: (onClose) => this.#driver.open(timeoutMs, onClose), check: checkServer })
  }
}
