/** What every array kept per slot starts with; it doubles as higher slots come into use. */
export const firstSlots = 16

/** A copy with room for `slot`: twice as long, but not beyond `maxEntries` unless the slot itself is. */
export function withRoomFor<A extends Uint8Array | Int32Array | Float64Array>(
  array: A,
  slot: number,
  maxEntries: number,
): A {
  const length = Math.max(slot + 1, Math.min(2 * array.length, maxEntries))
  const larger = new (array.constructor as new (length: number) => A)(length)
  larger.set(array)
  return larger
}
