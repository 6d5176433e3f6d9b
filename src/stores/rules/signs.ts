/** What others say, wherever in their text, each with what that means, in words for whoever reads the log. */
export type Signs = readonly (readonly [sign: string, meaning: string])[]

/** What the first sign means that is in the text; undefined where none is. */
export function meaningOf(text: string, signs: Signs): string | undefined {
  return signs.find(([sign]) => text.includes(sign))?.[1]
}
