import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Randomness } from '../shared/randomness.ts'
import type { Keys } from './key-ring.ts'
import { fromPortable, toPortable } from './portable-json.ts'
import { seal, unseal, type Envelope } from './seal.ts'
import type { Sealing } from './sealing.ts'

/** Where a record stands and whose it is: what its key is made of. */
export interface RecordPlace {
  readonly keys: Keys
  /** What only the caller knows: the token of a cookie, an id, a state. */
  readonly id: string
  readonly storeKey: string
}

interface Format {
  readonly number: number
  /** Whether it takes the id to open it, or the secret alone. */
  readonly madeFor: 'token' | 'server'
  readonly isDeflated: boolean
}

/**
 * The formats there are, by the first byte of what is stored. A record without one is JSON: numbers stay below 9, for
 * that and some above it are bytes a JSON text may begin with. A number that is not here is left alone.
 */
const formats: readonly Format[] = [
  { number: 1, madeFor: 'token', isDeflated: false },
  { number: 2, madeFor: 'token', isDeflated: true },
  { number: 3, madeFor: 'server', isDeflated: false },
  { number: 4, madeFor: 'server', isDeflated: true },
]

/** A record that takes more room than this when it is inflated is refused; nothing larger is ever deflated. */
const maxInflatedBytes = 16 * 2 ** 20

/** How values become what the store keeps. What was sealed opens in every mode; readable JSON only where it is written. */
export class RecordCodec {
  readonly #sealing: Sealing
  readonly #randomness: Randomness

  constructor(sealing: Sealing, randomness: Randomness) {
    this.#sealing = sealing
    this.#randomness = randomness
  }

  encode(value: unknown, place: RecordPlace): Uint8Array {
    const json = JSON.stringify(value)
    if (this.#sealing.seal === false) return Buffer.from(toPortable(json))
    const madeFor = this.#sealing.seal === 'server' ? 'server' : 'token'
    const deflated = this.#deflated(json)
    const format = formats.find((each) => each.madeFor === madeFor && each.isDeflated === (deflated !== undefined))!
    return seal(deflated ?? json, envelopeOf(format, place), sealingKey(format, place), this.#randomness)
  }

  /** `undefined` if it is of another format, or was not sealed for this place. */
  decode(stored: Uint8Array, place: RecordPlace): unknown {
    const format = formats.find(({ number }) => number === stored[0])
    try {
      if (format !== undefined) return open(stored, format, place)
      // In any other mode it is no record, or whoever can write the store could make a session of their own.
      if (this.#sealing.seal === false) return JSON.parse(fromPortable(Buffer.from(stored).toString()))
    } catch {
      // No JSON, or a bomb.
    }
    return undefined
  }

  /** `undefined` where it does not pay. */
  #deflated(json: string): Uint8Array | undefined {
    const { compressAboveBytes } = this.#sealing
    if (compressAboveBytes === Infinity) return undefined
    const plain = Buffer.from(json)
    if (plain.length <= compressAboveBytes || plain.length > maxInflatedBytes) return undefined
    const deflated = deflateRawSync(plain)
    return deflated.length < plain.length ? deflated : undefined
  }
}

function open(stored: Uint8Array, format: Format, place: RecordPlace): unknown {
  const body = unseal(stored, envelopeOf(format, place), sealingKey(format, place))
  if (body === undefined) return undefined
  const plain = format.isDeflated ? inflateRawSync(body, { maxOutputLength: maxInflatedBytes }) : body
  return JSON.parse(plain.toString())
}

function envelopeOf({ number }: Format, { storeKey }: RecordPlace): Envelope {
  return { format: number, storeKey }
}

function sealingKey({ madeFor }: Format, { keys, id, storeKey }: RecordPlace): Uint8Array {
  return madeFor === 'token' ? keys.tokenSealingKey(id) : keys.serverSealingKey(storeKey)
}
