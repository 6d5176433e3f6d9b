import { createServer, type NetConnectOpts, type Server, type Socket } from 'node:net'
import { checkOptions, required, rule, type Rules } from '../shared/options.ts'
import { checkedNumber, checkedWays, wrongTarget } from './fault-proxy/arguments.ts'
import { Connection } from './fault-proxy/connection.ts'
import { noFaults, type WayFaults } from './fault-proxy/way.ts'

export interface FaultProxyOptions {
  /** Where the server listens: a TCP port, on `127.0.0.1` unless a host is given, or the path of a Unix socket. */
  target: { host?: string; port: number } | { path: string }
}

/** The way a fault concerns: what the client sends, what the server sends. Default `both`. */
export type FaultDirection = 'toServer' | 'toClient' | 'both'

/**
 * Stands between a client and a TCP server and does to their connections what networks do. Faults are switched while
 * connections are open, concern all of them and those to come, add up, and last until `heal()`. Methods throw a
 * `RangeError` or `TypeError` if an argument is wrong.
 */
export interface FaultProxy {
  /** Where the proxy listens. */
  readonly host: string
  readonly port: number
  /** How many connections of clients are open. */
  readonly connections: number
  /** The URL of the server with this proxy's host and port in it. */
  via(url: string): string
  /** Holds every byte back for `ms` milliseconds, give or take `jitterMs` (default 0). Order is kept. */
  latency(ms: number, options?: { jitterMs?: number; direction?: FaultDirection }): void
  /** Lets at most this many bytes pass per second, on each connection. */
  throttle(bytesPerSec: number, options?: { direction?: FaultDirection }): void
  /**
   * Lets nothing pass, and tells nobody: no byte, no FIN, no RST. `held` says what becomes of it after `heal()`:
   * `delivered` (default), as TCP does when a cable is plugged in again; or `lost`: a connection on which anything was
   * sent meanwhile, or which was opened meanwhile, stays silent for ever, as when a firewall forgot about it.
   */
  blackHole(options?: { held?: 'delivered' | 'lost'; direction?: FaultDirection }): void
  /** Lets so many more bytes pass on each connection, then resets it: in the middle of a reply, for example. */
  cutAfter(bytes: number, options?: { direction?: FaultDirection }): void
  /** Ends all open connections with an RST. Others can be opened at once. */
  reset(): void
  /** Ends every new connection with an RST as soon as it is made; those that are open stay. */
  resetNew(): void
  /** Refuses new connections, as if nobody listened; those that are open stay. */
  refuse(): void
  /** Goes down and up again in turns: down, connections are reset and new ones refused. Starts by going down. */
  flap(pattern: { downMs: number; upMs: number }): void
  /** Ends the faults of this direction; with both, which is the default, also what `resetNew`, `refuse` and `flap` do. */
  heal(options?: { direction?: FaultDirection }): Promise<void>
  /** Ends all connections and leaves nothing open. Repeatable. */
  close(): Promise<void>
}

const rules: Rules<FaultProxyOptions> = { target: required(rule(wrongTarget)) }

/**
 * Starts a proxy on a free port of `127.0.0.1`. It needs no server to start: while there is none, its clients see
 * their connections reset. Throws `ConfigError` naming every wrong option.
 *
 * ```ts
 * import { faultProxy } from 'sallyport/testing'
 *
 * const proxy = await faultProxy({ target: { port: 5432 } })
 * const connectionString = proxy.via('postgres://app@localhost:5432/app')
 * proxy.blackHole({ direction: 'toClient' })
 * ```
 */
export async function faultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  checkOptions('faultProxy', options, rules)
  const proxy = new ListeningProxy(options.target)
  await proxy.start()
  return proxy
}

const host = '127.0.0.1'

class ListeningProxy implements FaultProxy {
  readonly host = host
  readonly #target: NetConnectOpts
  readonly #faults = { toServer: noFaults(), toClient: noFaults() }
  readonly #connections = new Set<Connection>()
  #port = 0
  #server: Server | undefined
  #listening: Promise<void> | undefined
  #resetsNew = false
  #flapping: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(target: FaultProxyOptions['target']) {
    this.#target = 'path' in target ? target : { host, ...target }
  }

  get port(): number {
    return this.#port
  }

  get connections(): number {
    return [...this.#connections].filter((connection) => connection.hasClient).length
  }

  /** A port below those that systems give to outgoing connections: one of these could take it while we refuse. */
  async start(): Promise<void> {
    for (let tries = 0; this.#listening === undefined; tries++) {
      this.#port = 20_000 + Math.floor(Math.random() * 12_000)
      await this.#listen().catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EADDRINUSE' || tries === 20) throw error
      })
    }
  }

  via(url: string): string {
    const through = new URL(url)
    through.hostname = host
    through.port = String(this.#port)
    if (through.host !== `${host}:${this.#port}`) throw new TypeError('via: the URL names no host')
    return through.href
  }

  latency(ms: number, { jitterMs = 0, direction }: { jitterMs?: number; direction?: FaultDirection } = {}): void {
    const latencyMs = checkedNumber('latency: ms', ms, 0)
    this.#change(direction, { latencyMs, jitterMs: checkedNumber('latency: jitterMs', jitterMs, 0) })
  }

  throttle(bytesPerSec: number, { direction }: { direction?: FaultDirection } = {}): void {
    this.#change(direction, { bytesPerSec: checkedNumber('throttle: bytesPerSec', bytesPerSec, 1) })
  }

  blackHole(options: { held?: 'delivered' | 'lost'; direction?: FaultDirection } = {}): void {
    const { held = 'delivered', direction } = options
    if (held !== 'delivered' && held !== 'lost') throw new TypeError("blackHole: held must be 'delivered' or 'lost'")
    this.#change(direction, { hole: held })
  }

  cutAfter(bytes: number, { direction }: { direction?: FaultDirection } = {}): void {
    this.#change(direction, { cut: { afterBytes: checkedNumber('cutAfter: bytes', bytes, 0) } })
  }

  reset(): void {
    for (const connection of this.#connections) connection.reset()
  }

  resetNew(): void {
    this.#resetsNew = true
  }

  refuse(): void {
    this.#server?.close()
    this.#server = undefined
    this.#listening = undefined
  }

  flap({ downMs, upMs }: { downMs: number; upMs: number }): void {
    checkedNumber('flap: downMs', downMs, 1)
    checkedNumber('flap: upMs', upMs, 1)
    clearTimeout(this.#flapping)
    const goDown = (): void => {
      this.refuse()
      this.reset()
      this.#flapping = setTimeout(goUp, downMs)
    }
    const goUp = (): void => {
      // If somebody has taken the port meanwhile, the next turn is another chance.
      this.#listen().catch(() => {})
      this.#flapping = setTimeout(goDown, upMs)
    }
    goDown()
  }

  async heal({ direction }: { direction?: FaultDirection } = {}): Promise<void> {
    this.#change(direction, noFaults())
    if (direction !== undefined && direction !== 'both') return
    clearTimeout(this.#flapping)
    this.#resetsNew = false
    await this.#listen()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#flapping)
    this.refuse()
    // Both ends are destroyed within this turn; their `close` follows.
    this.reset()
    while (this.#connections.size > 0) await new Promise((resolve) => void setImmediate(resolve))
  }

  #change(direction: FaultDirection | undefined, faults: Partial<WayFaults>): void {
    for (const way of checkedWays(direction)) Object.assign(this.#faults[way], faults)
    for (const connection of this.#connections) connection.wake()
  }

  #listen(): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    this.#listening ??= this.#open()
    return this.#listening
  }

  #open(): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#admit(client))
    this.#server = server
    return new Promise((resolve, reject) => {
      server.once('error', (error) => {
        if (this.#server === server) this.refuse()
        reject(error)
      })
      server.listen(this.#port, host, () => {
        // Told to refuse before it could listen.
        if (this.#server !== server) server.close()
        resolve()
      })
    })
  }

  #admit(client: Socket): void {
    if (this.#resetsNew || this.#isClosed) {
      client.resetAndDestroy()
      return
    }
    const onClosed = (): void => void this.#connections.delete(connection)
    const connection = new Connection({ client, target: this.#target, faults: this.#faults, onClosed })
    this.#connections.add(connection)
  }
}
