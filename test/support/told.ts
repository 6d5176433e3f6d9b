import assert from 'node:assert/strict'
import { inspect } from 'node:util'

/** What no error, log line or page may say. */
export const hidden = {
  password: 'hidden-p4ssword',
  key: 'hidden-k3y',
  value: 'hidden-v4lue',
} as const

/** All that was told to somebody, so that one test can look for secrets in it. */
export interface Told {
  add(what: string, said: unknown): void
  /** Fails with the first that says what it must not; or if nothing was told. */
  check(): void
}

export function told(): Told {
  const all: { what: string; text: string }[] = []
  return {
    add(what, said) {
      all.push({ what, text: textOf(said) })
    },
    check() {
      assert.ok(all.length > 0, 'nothing was told')
      for (const { what, text } of all) {
        const found = [...Object.values(hidden), ...Object.values(hidden).map(hexOf)].find((each) =>
          text.includes(each),
        )
        assert.equal(found, undefined, `${what}: ${text}`)
        assert.doesNotMatch(text, /\w+:\/\/[^\s/@'"]*:[^\s/@'"]+@/, `${what}: a URL with a password`)
      }
    },
  }
}

/** With causes, hidden fields and stack; as a log would have it, too. */
function textOf(said: unknown): string {
  const shown = inspect(said, { depth: 20, showHidden: true, maxStringLength: null, maxArrayLength: null })
  // The examples in messages are written like that.
  return `${shown}\n${JSON.stringify(said)}`.replaceAll('//user:password@', '//')
}

function hexOf(text: string): string {
  return Buffer.from(text).toString('hex')
}
