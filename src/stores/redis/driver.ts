/** A command or a part of one. */
export type Argument = string | Uint8Array

/** One connection of a driver, used by us alone. It never reconnects by itself: when it is gone, it is gone. */
export interface DriverConnection {
  /** Settles when the connection can be used, or rejects with the reason why not. */
  readonly ready: Promise<void>
  /** Replies in the order of the commands; texts come as `Buffer`. What is sent in one turn leaves in one packet. */
  send(command: readonly Argument[]): Promise<unknown>
  /** Messages on a channel from now on; one of a shard ends the connection when its slot moves. */
  subscribe(channel: string, onMessage: (message: Buffer) => void, of?: 'shard'): Promise<void>
  /** Cuts it at once, whatever the other end is doing. Repeatable. */
  destroy(): void
}

export interface Address {
  host: string
  port: number
}

/** Called once if a connection ends by itself, with the reason if there is one. */
export type OnClose = (reason?: unknown) => void

/** Opens connections the way the user wants them: with a URL, or like a client of the user's. */
export interface Driver {
  /** The number of the logical database. */
  readonly database: number
  /** `at` is another server than the one in the options. */
  open(connectTimeoutMs: number, onClose: OnClose, at?: Address): Promise<DriverConnection>
}

/** The argument as drivers take it, without a copy. */
export function sendable(argument: Argument): string | Buffer {
  if (typeof argument === 'string' || Buffer.isBuffer(argument)) return argument
  return Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength)
}
