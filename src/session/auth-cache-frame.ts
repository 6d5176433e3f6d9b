/** An entry as a plain cache keeps it: one text with what a store must know beside the value. All instants are Unix ms. */
export interface Frame {
  readonly version: number
  readonly createdAt: number
  readonly writtenAt: number
  /** How long it was given when it was written, unless it is extended. */
  readonly idleMs: number
  /** The deadline as of writing. Extensions do not write, so it may have been given longer since. */
  readonly expiresAt: number
  /** The deadline however often it is extended. Absent: there is none. */
  readonly absoluteExpiresAt: number | undefined
  readonly value: Uint8Array
}

/** Stands in front of every frame; a number this release does not know is left alone. */
const format = 1
const shape = /^1\.(\d{1,15})\.(\d{1,15})\.(\d{1,15})\.(\d{1,15})\.(\d{1,15})\.(\d{1,15})?\.([\w-]*)$/

export function frameText(frame: Frame): string {
  const { version, createdAt, writtenAt, idleMs, expiresAt, absoluteExpiresAt = '', value } = frame
  const numbers = [format, version, createdAt, writtenAt, idleMs, expiresAt, absoluteExpiresAt]
  return `${numbers.join('.')}.${Buffer.from(value).toString('base64url')}`
}

/** Of the deadlines only the ceiling is in the frame for good; whether an extended one has come the cache alone knows. */
export function isLive({ absoluteExpiresAt = Infinity }: Frame, now: number): boolean {
  return now < absoluteExpiresAt
}

/** `undefined` if it is none of ours, or of another format. */
export function readFrame(text: string): Frame | undefined {
  const parts = shape.exec(text)
  if (parts === null) return undefined
  const number = (at: number): number => Number(parts[at])
  return {
    version: number(1),
    createdAt: number(2),
    writtenAt: number(3),
    idleMs: number(4),
    expiresAt: number(5),
    absoluteExpiresAt: parts[6] === undefined ? undefined : number(6),
    value: Buffer.from(parts[7]!, 'base64url'),
  }
}
