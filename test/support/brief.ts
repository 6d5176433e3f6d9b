/** A value in one line, for people who read a trace. */
export function brief(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) => {
    if (part instanceof Uint8Array) return part.length > 8 ? `${part.length} bytes` : [...part]
    return Array.isArray(part) && part.length > 20 ? `${part.length} items` : part
  })
  return text ?? 'nothing'
}
