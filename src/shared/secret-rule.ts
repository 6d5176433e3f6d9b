import { kindOf, rule, type Rule } from './options.ts'

const leastBytes = 32
const howTo = `node -p "require('node:crypto').randomBytes(32).toString('base64url')"`

/** One secret of at least 32 bytes. */
export const oneSecretRule: Rule = rule((value) => problemOf(value, 'a string'))

/** One secret or a list of them, the first being the primary one; each of at least 32 bytes. */
export const secretRule: Rule = {
  check(value, report) {
    if (!Array.isArray(value)) {
      const message = problemOf(value, 'a string or a list of strings')
      if (message !== undefined) report(message)
      return
    }
    if (value.length === 0) report(`must hold at least one secret; make one with: ${howTo}`)
    value.forEach((secret: unknown, index) => {
      const message = problemOf(secret, 'a string')
      if (message !== undefined) report(message, `[${index}]`)
    })
  },
}

function problemOf(secret: unknown, wanted: string): string | undefined {
  if (typeof secret !== 'string') return `must be ${wanted}, not ${kindOf(secret)}`
  if (Buffer.byteLength(secret) >= leastBytes) return undefined
  return `must have at least ${leastBytes} bytes; make one with: ${howTo}`
}
