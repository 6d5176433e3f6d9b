import type { SealingOptions } from '../../src/index.ts'

export interface SealMode {
  readonly name: string
  readonly session: SealingOptions
  /** The first byte of a session that is kept in this way; of readable JSON, none that counts. */
  readonly format: number | undefined
}

/** Every way to keep values. */
export const sealModes: readonly SealMode[] = [
  { name: 'true', session: { seal: true }, format: 1 },
  { name: 'true, deflated', session: { compressAboveBytes: 64 }, format: 2 },
  { name: "'server'", session: { seal: 'server' }, format: 3 },
  { name: "'server', deflated", session: { seal: 'server', compressAboveBytes: 64 }, format: 4 },
  { name: 'false', session: { seal: false }, format: undefined },
]

/** Whether a session that was written in one way is one for whoever keeps them in another. */
export function opens({ format }: SealMode, reader: SealMode): boolean {
  return format !== undefined || reader.format === undefined
}

/** The format a stored value is in. */
export function formatOf(stored: Uint8Array | undefined): number | undefined {
  const [first = 0] = stored ?? []
  return first < 9 ? first : undefined
}
