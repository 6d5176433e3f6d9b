import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { gunzipSync } from 'node:zlib'

/** Requests for keys, in their order. The keys are numbered from 0, so that arrays can stand for maps. */
export interface Trace {
  name: string
  requests: Int32Array
  /** How many different keys there are. */
  keys: number
}

/** A file of big-endian 32-bit keys, one per request; compressed if its name ends in `.gz`. */
export function readTrace(path: string): Trace {
  const bytes = readBytes(path)
  if (bytes.length === 0) throw new Error(`${path} holds no request`)
  if (bytes.length % 4 !== 0) throw new Error(`${path} has ${bytes.length} bytes: no whole number of 32-bit keys`)
  const numbers = new Map<number, number>()
  const requests = Int32Array.from({ length: bytes.length / 4 }, (_, i) => {
    const key = bytes.readInt32BE(4 * i)
    const number = numbers.get(key) ?? numbers.size
    numbers.set(key, number)
    return number
  })
  return { name: basename(path).replace(/(\.i32be)?(\.gz)?$/, ''), requests, keys: numbers.size }
}

function readBytes(path: string): Buffer {
  try {
    const content = readFileSync(path)
    return path.endsWith('.gz') ? gunzipSync(content) : content
  } catch (cause) {
    throw new Error(`${path} cannot be read: ${(cause as Error).message}`, { cause })
  }
}
