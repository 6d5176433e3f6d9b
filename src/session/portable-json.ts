/*
 * JSON that every database takes. PostgreSQL's `jsonb` refuses the character U+0000 and half characters (lone
 * surrogates), which a claim of a foreign provider may hold: in their place stand U+001A and four hex digits. U+001A
 * itself is written in the same way, so that nothing else can be taken for it.
 */

/** Every escape sequence of a JSON text, so that an escaped backslash is never taken for the beginning of the next. */
const unportable = /\\(?:u(0000|001a|d[89a-f][\da-f]{2})|.)/g

const replaced = /\\(?:u001a([\da-f]{4})|.)/gi

/** `json` is a text that `JSON.stringify` made. */
export function toPortable(json: string): string {
  return json.replace(unportable, (sequence: string, hex?: string) => (hex === undefined ? sequence : `\\u001a${hex}`))
}

/** `json` may be spelled in another way than it was stored. */
export function fromPortable(json: string): string {
  return json.replace(replaced, (sequence: string, hex?: string) => (hex === undefined ? sequence : `\\u${hex}`))
}
