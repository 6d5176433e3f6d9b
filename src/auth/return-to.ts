const longest = 2_048

/**
 * The path on `origin` that a browser would go to for `text`, as the URL parser writes it; `undefined` if it would go
 * elsewhere, or if `text` is not a path of at most 2,048 characters.
 */
export function localPath(text: string, origin: string): string | undefined {
  if (text.length > longest || !text.startsWith('/') || /\p{Cc}/u.test(text)) return undefined
  const url = URL.parse(text, origin)
  if (url?.origin !== origin) return undefined
  const path = url.pathname + url.search + url.hash
  // `/.//evil` is on this origin, but its path `//evil`, sent by itself, names another.
  return path.length <= longest && URL.parse(path, origin)?.href === url.href ? path : undefined
}
