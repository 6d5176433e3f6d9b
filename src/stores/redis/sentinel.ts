import { systemClock } from '../../shared/clock.ts'
import { withTimeout } from '../../shared/timeout.ts'
import type { Address, Driver, DriverConnection } from './driver.ts'
import { RedisError, redisError } from './error.ts'

export interface SentinelWay {
  /** Opens connections to Sentinels. */
  sentinels: Driver
  addresses: readonly Address[]
  /** What the Sentinels call the primary. */
  name: string
  /** Opens connections to the servers they watch. */
  servers: Driver
  /** Where a server is to be found from here, by what the Sentinels call it. */
  translate: (address: Address) => Address
}

/** Asks the Sentinels, one after the other, which server is the primary, each time a connection is opened. */
export function throughSentinels(way: SentinelWay): Driver {
  return {
    database: way.servers.database,
    async open(timeoutMs, onClose) {
      const share = Math.ceil(timeoutMs / (way.addresses.length + 1))
      let failure = new RedisError('CONNECTION', `no Sentinel knows a primary called ${way.name}`)
      for (const address of way.addresses) {
        try {
          const primary = await primaryBy(way, address, share)
          if (primary !== undefined) return await way.servers.open(timeoutMs, onClose, way.translate(primary))
        } catch (error) {
          failure = redisError(error)
        }
      }
      throw failure
    },
  }
}

async function primaryBy(way: SentinelWay, at: Address, timeoutMs: number): Promise<Address | undefined> {
  const connection = await way.sentinels.open(timeoutMs, () => {}, at)
  connection.ready.catch(() => {})
  try {
    const reply = await withTimeout(systemClock, timeoutMs, ask(connection, way.name), tooLate)
    if (!Array.isArray(reply)) return undefined
    const [host, port] = reply.map(String)
    return { host: host ?? '', port: Number(port) }
  } finally {
    connection.destroy()
  }
}

async function ask(connection: DriverConnection, name: string): Promise<unknown> {
  await connection.ready
  return connection.send(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name])
}

function tooLate(): RedisError {
  return new RedisError('CONNECTION', 'a Sentinel did not answer')
}
