import type { Socket } from 'node:net'

/** What is wrong with one direction, for all connections at once. Changes take effect on bytes already under way. */
export interface WayFaults {
  latencyMs: number
  jitterMs: number
  /** Infinity: as fast as it goes. */
  bytesPerSec: number
  hole: 'delivered' | 'lost' | undefined
  /** An object of its own for each order given, so that a way sees that its count starts again. */
  cut: { readonly afterBytes: number } | undefined
}

export function noFaults(): WayFaults {
  return { latencyMs: 0, jitterMs: 0, bytesPerSec: Infinity, hole: undefined, cut: undefined }
}

/** More than this waits in the sender's own buffers, as it would on a real network. */
const mostHeldBytes = 1024 * 1024
/** A throttled way passes what it may pass in this time at once. */
const throttleStepMs = 20

export interface WayEnds {
  from: Socket
  to: Socket
  /** The connection is to be cut off here and now, in both directions. */
  onCut: () => void
  /** Bytes are lost for good: nothing that comes after them can ever be right. */
  onLost: () => void
}

/** Bytes, or how they ended. */
type Piece = Buffer | 'end' | 'reset'

interface Waiting {
  piece: Piece
  readonly cameAt: number
  /** From -1 to 1. */
  readonly jitter: number
}

/** One direction of one connection: whatever comes in at `from` leaves at `to`, when and if the faults let it. */
export class Way {
  readonly #ends: WayEnds
  readonly #faults: WayFaults
  #waiting: Waiting[] = []
  #heldBytes = 0
  #freeAt = 0
  #passedBytes = 0
  #cut: WayFaults['cut']
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(ends: WayEnds, faults: WayFaults) {
    this.#ends = ends
    this.#faults = faults
    const { from, to } = ends
    from.on('data', (bytes: Buffer) => this.#take(bytes))
    from.on('end', () => this.#take('end'))
    from.on('close', (hadError: boolean) => this.#take(hadError ? 'reset' : 'end'))
    to.on('drain', () => this.pump())
  }

  /** Passes on what may pass now. */
  pump(): void {
    clearTimeout(this.#timer)
    while (this.#waiting[0] !== undefined) {
      if (this.#isStopped || this.#isHeld() || this.#ends.to.writableNeedDrain) return
      const waitMs = Math.max(this.#dueAt(this.#waiting[0]), this.#freeAt) - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.pump(), waitMs)
        return
      }
      this.#pass(this.#next(this.#waiting[0]))
    }
  }

  /** Nothing passes any more. */
  stop(): void {
    this.#isStopped = true
    this.#waiting = []
    clearTimeout(this.#timer)
    // What is still sent is read and forgotten, so that the end is seen.
    this.#ends.from.resume()
  }

  #take(piece: Piece): void {
    if (this.#isStopped) return
    this.#waiting.push({ piece, cameAt: performance.now(), jitter: Math.random() * 2 - 1 })
    this.#heldBytes += sizeOf(piece)
    if (this.#heldBytes > mostHeldBytes) this.#ends.from.pause()
    this.pump()
  }

  #isHeld(): boolean {
    if (this.#faults.hole === 'lost') this.#ends.onLost()
    return this.#faults.hole !== undefined
  }

  #dueAt({ cameAt, jitter }: Waiting): number {
    return cameAt + this.#faults.latencyMs + jitter * this.#faults.jitterMs
  }

  #next(first: Waiting): Piece {
    const most = Math.max(1, Math.ceil((this.#faults.bytesPerSec * throttleStepMs) / 1_000))
    let { piece } = first
    if (typeof piece !== 'string' && piece.length > most) {
      first.piece = piece.subarray(most)
      piece = piece.subarray(0, most)
    } else {
      this.#waiting.shift()
    }
    this.#heldBytes -= sizeOf(piece)
    if (this.#heldBytes <= mostHeldBytes) this.#ends.from.resume()
    return piece
  }

  #pass(piece: Piece): void {
    const { to } = this.#ends
    if (to.destroyed) return
    if (piece === 'end') to.end()
    else if (piece === 'reset') resetOf(to)
    else this.#write(piece)
  }

  #write(bytes: Buffer): void {
    const { to, onCut } = this.#ends
    const allowed = this.#allowedBytes()
    this.#passedBytes += bytes.length
    this.#freeAt = performance.now() + (bytes.length * 1_000) / this.#faults.bytesPerSec
    if (bytes.length <= allowed) {
      to.write(bytes)
      return
    }
    this.stop()
    if (allowed === 0) onCut()
    else to.write(bytes.subarray(0, allowed), onCut)
  }

  /** How many bytes may still pass before the cut. */
  #allowedBytes(): number {
    const { cut } = this.#faults
    if (cut !== this.#cut) {
      this.#cut = cut
      this.#passedBytes = 0
    }
    return cut === undefined ? Infinity : cut.afterBytes - this.#passedBytes
  }
}

function sizeOf(piece: Piece): number {
  return typeof piece === 'string' ? 0 : piece.length
}

/**
 * Ends it with an RST where one can be sent: not while it is still connecting or saying goodbye (Node would then never
 * close it), and never through a Unix socket.
 */
export function resetOf(socket: Socket): void {
  const isLeaving = socket.writableEnded && !socket.writableFinished
  if (socket.connecting || isLeaving || socket.remoteAddress === undefined) socket.destroy()
  else socket.resetAndDestroy()
}
