import type { Client } from 'pg'
import type { Bump } from '../../cache/store.ts'
import { StoreUnavailableError } from '../../shared/errors.ts'
import { systemRandomness } from '../../shared/randomness.ts'
import { withTimeout } from '../../shared/timeout.ts'
import { listeningClient } from './connections.ts'
import { translated } from './errors.ts'
import type { PostgresDatabase } from './kind.ts'
import type { PostgresSettings } from './options.ts'

type Hear = (bump: Bump) => void

const selfTestMs = 3_000
const heartbeatMs = 30_000
const shortestPauseMs = 250
const longestPauseMs = 30_000
const selfTestPrefix = 'self-test '

/**
 * Hears the bumps other processes announce, on a connection of its own, for as long as somebody wants to know. Best
 * effort: what is lost here the next poll brings.
 */
export class PostgresListener {
  readonly #database: PostgresDatabase
  readonly #channel: string
  readonly #settings: PostgresSettings
  readonly #hearers = new Set<Hear>()
  #stop = new AbortController()
  #stopped: Promise<void> = Promise.resolve()
  #hasWarned = false

  constructor(database: PostgresDatabase, channel: string, settings: PostgresSettings) {
    this.#database = database
    this.#channel = channel
    this.#settings = settings
  }

  subscribe(hear: Hear): () => void {
    // The same function subscribed twice is stopped twice.
    const own: Hear = (bump) => hear(bump)
    this.#hearers.add(own)
    if (this.#hearers.size === 1) {
      this.#stop = new AbortController()
      this.#stopped = this.#listenOn(this.#stop.signal, this.#stopped)
    }
    return () => {
      if (this.#hearers.delete(own) && this.#hearers.size === 0) this.#stop.abort()
    }
  }

  async close(): Promise<void> {
    this.#hearers.clear()
    this.#stop.abort()
    await this.#stopped
  }

  async #listenOn(stop: AbortSignal, before: Promise<void>): Promise<void> {
    await before
    let pauseMs = shortestPauseMs
    while (!stop.aborted) {
      try {
        await this.#listenOnce(stop, () => {
          pauseMs = shortestPauseMs
          this.#hasWarned = false
        })
      } catch (error) {
        if (!stop.aborted) this.#warn(error)
      }
      await this.#pause(pauseMs * (0.5 + systemRandomness.fraction()), stop)
      pauseMs = Math.min(2 * pauseMs, longestPauseMs)
    }
  }

  /** Ends when the connection does. */
  async #listenOnce(stop: AbortSignal, onWorking: () => void): Promise<void> {
    const client = await listeningClient(this.#settings)
    // One that was never opened would never end.
    if (stop.aborted) return
    const ended = new Promise<void>((resolve) => void client.once('end', resolve))
    client.on('error', () => {})
    const cut = (): void => void client.connection.stream.destroy()
    stop.addEventListener('abort', cut)
    try {
      const heard = this.#hearThrough(client)
      await client.connect()
      const isHeard = this.#test(client, heard).then(() => true)
      if (await Promise.race([isHeard, ended])) onWorking()
      await this.#untilLost(client, ended)
    } finally {
      stop.removeEventListener('abort', cut)
      cut()
      await ended
    }
  }

  /** Calls the hearers; resolves once the self-test came through. */
  #hearThrough(client: Client): { token: string; arrived: Promise<void> } {
    const token = `${selfTestPrefix}${Buffer.from(systemRandomness.bytes(12)).toString('base64url')}`
    const arrived = new Promise<void>((resolve) => {
      client.on('notification', ({ payload = '' }) => {
        if (payload === token) resolve()
        if (!payload.startsWith(selfTestPrefix)) this.#tell(payload)
      })
    })
    return { token, arrived }
  }

  /** Listens. A pooler in between may take LISTEN without a word and pass nothing on. */
  async #test(client: Client, { token, arrived }: { token: string; arrived: Promise<void> }): Promise<void> {
    const late = (): Error =>
      new StoreUnavailableError(
        `a notification did not arrive within ${selfTestMs} ms; set \`listenUrl\` to a direct connection`,
      )
    const test = async (): Promise<void> => {
      await client.query(`LISTEN "${this.#channel}"`)
      await this.#database.request((other) => other.query(`SELECT pg_notify('${this.#channel}', '${token}')`))
      await arrived
    }
    await withTimeout(this.#settings.clock, selfTestMs, test(), late)
  }

  /** A connection that is cut without a word looks like one on which nothing happens, so it is asked now and then. */
  async #untilLost(client: Client, ended: Promise<void>): Promise<void> {
    const ask = async (): Promise<void> => {
      const silent = (): Error => new Error('the heartbeat was not answered')
      try {
        await withTimeout(this.#settings.clock, selfTestMs, client.query('SELECT 1'), silent)
        timer = this.#settings.clock.setTimer(() => void ask(), heartbeatMs)
      } catch {
        client.connection.stream.destroy()
      }
    }
    let timer = this.#settings.clock.setTimer(() => void ask(), heartbeatMs)
    await ended
    timer.cancel()
  }

  #tell(payload: string): void {
    const bump = bumpFrom(payload)
    if (bump === undefined) return
    for (const hear of this.#hearers) hear(bump)
  }

  #pause(ms: number, stop: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#settings.clock.setTimer(finish, ms)
      stop.addEventListener('abort', finish)
      if (stop.aborted) finish()
      function finish(): void {
        timer.cancel()
        stop.removeEventListener('abort', finish)
        resolve()
      }
    })
  }

  #warn(error: unknown): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    this.#settings.logger.warn(
      { err: translated(error) },
      'postgres store: no notifications; revocations elsewhere are noticed by polling, within maxStalenessMs',
    )
  }
}

/** What is no bump is not ours. */
function bumpFrom(payload: string): Bump | undefined {
  try {
    const [incarnation, bucket, rise] = JSON.parse(payload) as [string, number, Pick<Bump, 'prev' | 'n' | 'keys'>]
    return { incarnation, bucket, ...rise }
  } catch {
    return undefined
  }
}
