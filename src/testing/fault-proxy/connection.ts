import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { resetOf, Way, type WayFaults } from './way.ts'

/** The faults of both directions; the same objects for all connections. */
export interface Faults {
  readonly toServer: WayFaults
  readonly toClient: WayFaults
}

export interface ConnectionOptions {
  client: Socket
  target: NetConnectOpts
  faults: Faults
  /** Called once, when neither end is open any more. */
  onClosed: () => void
}

/** One client and its own connection to the server. */
export class Connection {
  readonly #options: ConnectionOptions
  #server: Socket | undefined
  #ways: Way[] = []
  #openSockets = 0
  /** Reset, or half-open: both ends believe in it. Nothing passes either way. */
  #isDead = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#watch(options.client)
    this.wake()
  }

  /** Whether the client's end is open. */
  get hasClient(): boolean {
    return !this.#options.client.destroyed
  }

  /** The faults have changed. */
  wake(): void {
    if (this.#isDead) return
    if (this.#server === undefined) this.#connect()
    for (const way of this.#ways) way.pump()
  }

  /** Both ends see an RST. */
  reset(): void {
    this.#stop()
    resetOf(this.#options.client)
    if (this.#server !== undefined) resetOf(this.#server)
  }

  /** In a black hole no handshake completes: the server hears of the client when it is over, or never. */
  #connect(): void {
    const { client, target, faults } = this.#options
    const { toServer, toClient } = faults
    const holes = [toServer.hole, toClient.hole]
    if (holes.includes('lost')) return this.#die()
    if (holes.includes('delivered')) return
    const server = connect({ ...target, allowHalfOpen: true, noDelay: true })
    this.#server = server
    this.#watch(server)
    const onCut = (): void => this.reset()
    const onLost = (): void => this.#die()
    this.#ways = [
      new Way({ from: client, to: server, onCut, onLost }, toServer),
      new Way({ from: server, to: client, onCut, onLost }, toClient),
    ]
  }

  #die(): void {
    this.#stop()
    this.#options.client.resume()
  }

  #watch(socket: Socket): void {
    // An error is followed by `close`, which the ways take notice of.
    socket.on('error', () => {})
    this.#openSockets++
    socket.once('close', () => {
      this.#openSockets--
      if (this.#openSockets === 0) this.#options.onClosed()
    })
  }

  #stop(): void {
    this.#isDead = true
    for (const way of this.#ways) way.stop()
  }
}
