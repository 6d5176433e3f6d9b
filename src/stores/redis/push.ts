import type { Bump } from '../../cache/store.ts'
import type { Clock, Timer } from '../../shared/clock.ts'
import { isRefusal } from './channels.ts'
import type { Channels } from './channels.ts'
import type { RedisError } from './error.ts'
import { bumpFrom } from './replies.ts'

type Listener = (bump: Bump) => void

export interface PushSeams {
  channels: Channels
  clock: Clock
  /** The user may not listen: there will be no pushes. */
  onRefused: (error: RedisError) => void
}

const betweenLooksMs = 1_000

/**
 * Listens for the bumps of other processes, as long as anybody wants them. Best effort: it looks every second whether
 * everything is still listened to, and sees to it if not; what was said meanwhile is lost.
 */
export class Pushes {
  readonly #seams: PushSeams
  readonly #listeners = new Set<Listener>()
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
    this.#seams.channels.close()
  }

  #stop(): void {
    this.#timer?.cancel()
    this.#isRunning = false
    this.#seams.channels.stop()
  }

  async #look(): Promise<void> {
    this.#isRunning = true
    const { channels, clock } = this.#seams
    await channels.listen((message) => this.#heard(message)).catch((error: unknown) => this.#failed(error))
    if (this.#listeners.size === 0 || this.#isRefused || this.#isClosed) return this.#stop()
    this.#timer?.cancel()
    this.#timer = clock.setTimer(() => void this.#look(), betweenLooksMs)
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
    if (!isRefusal(error) || this.#isRefused) return
    this.#isRefused = true
    this.#seams.onRefused(error)
  }
}
