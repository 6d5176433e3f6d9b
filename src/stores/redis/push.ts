import type { Bump } from '../../cache/store.ts'
import type { Clock, Timer } from '../../shared/clock.ts'
import type { Connection } from './connection.ts'
import { RedisError } from './error.ts'
import type { Lane } from './lane.ts'
import { bumpFrom } from './replies.ts'

type Listener = (bump: Bump) => void

export interface PushSeams {
  lane: Lane
  clock: Clock
  channel: string
  /** The user may not listen: there will be no pushes. */
  onRefused: (error: RedisError) => void
}

const betweenLooksMs = 1_000

/**
 * Listens for the bumps of other processes on a connection of its own, as long as anybody wants them. Best effort: it
 * looks every second whether the connection lives and makes a new one if not; what was said meanwhile is lost.
 */
export class Pushes {
  readonly #seams: PushSeams
  readonly #listeners = new Set<Listener>()
  #listening: Connection | undefined
  #timer: Timer | undefined
  #isRunning = false
  #isRefused = false
  #isClosed = false

  constructor(seams: PushSeams) {
    this.#seams = seams
  }

  /** Returns how to stop. */
  subscribe(listener: Listener): () => void {
    // An object of its own each time: the same function may listen twice.
    const own: Listener = (bump) => listener(bump)
    this.#listeners.add(own)
    if (!this.#isRunning) void this.#look()
    return () => {
      this.#listeners.delete(own)
      if (this.#listeners.size === 0) this.#stop()
    }
  }

  close(): void {
    this.#isClosed = true
    this.#listeners.clear()
    this.#stop()
    this.#seams.lane.close()
  }

  #stop(): void {
    this.#timer?.cancel()
    this.#isRunning = false
    this.#listening = undefined
    this.#seams.lane.drop(new RedisError('CONNECTION', 'nobody listens any more'))
  }

  async #look(): Promise<void> {
    this.#isRunning = true
    await this.#listen().catch((error: unknown) => this.#failed(error))
    if (this.#listeners.size === 0 || this.#isRefused || this.#isClosed) return this.#stop()
    this.#timer?.cancel()
    this.#timer = this.#seams.clock.setTimer(() => void this.#look(), betweenLooksMs)
  }

  async #listen(): Promise<void> {
    const { lane, channel } = this.#seams
    await lane.run(async (connection, startedAt) => {
      if (this.#listening === connection) {
        await connection.send(['PING'], startedAt)
        return
      }
      this.#listening = connection
      await connection.subscribe(channel, (message) => this.#heard(message))
    })
  }

  #heard(message: Buffer): void {
    let bump: Bump
    try {
      bump = bumpFrom(String(message).split('\n'))
    } catch {
      // Somebody else's message: whoever may publish here can say what he wants.
      return
    }
    for (const listener of this.#listeners) listener(bump)
  }

  #failed(error: unknown): void {
    this.#listening = undefined
    if (!(error instanceof RedisError) || error.code !== 'NOPERM' || this.#isRefused) return
    this.#isRefused = true
    this.#seams.onRefused(error)
  }
}
