import { SallyportError } from '../shared/errors.ts'

/** Bytes; our forms have a few short fields. */
const longestForm = 65_536

export function isForm(contentType: string | undefined): boolean {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() === 'application/x-www-form-urlencoded'
}

/** Reads a form body. Rejects with `ERR_REQUEST_INVALID` if it is larger than 64 KB. */
export async function readForm(body: AsyncIterable<Uint8Array>): Promise<URLSearchParams> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > longestForm) throw new SallyportError('ERR_REQUEST_INVALID', 'the form is larger than 64 KB')
    chunks.push(chunk)
  }
  return new URLSearchParams(Buffer.concat(chunks).toString())
}

/** The fields of a body that a parser of the application read before us; what is no text is left out. */
export function formOf(parsed: unknown): URLSearchParams {
  if (typeof parsed === 'string') return new URLSearchParams(parsed)
  if (parsed instanceof Uint8Array) return new URLSearchParams(Buffer.from(parsed).toString())
  const fields = new URLSearchParams()
  if (typeof parsed !== 'object' || parsed === null) return fields
  for (const [name, value] of Object.entries(parsed)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (typeof each === 'string') fields.append(name, each)
    }
  }
  return fields
}
