import type { Item } from '../entry.ts'
import { SeenBefore } from './seen-before.ts'

/*
 * How V8 lays out what JSON.parse made, in words of 8 bytes: exact within some percent for what sessions look like, and
 * on the safe side for what they rarely look like. `test/memory/heap-size.test.ts` holds it against the real heap.
 */
const stringHeader = 16
const objectHeader = 24
const arrayHeader = 32
const elementsHeader = 16
const boxedNumber = 16
/** An object made without properties has room for four. */
const emptyObject = 56
/** From this many names on an object is a hash table of its own. */
const tableFrom = 128
/** Shorter strings are kept once, however many values have them, if all of the JSON text was Latin-1. */
const unsharedFrom = 10
/** What an object takes beside its values if no other has the same names in the same order. */
const ownShape = 64
const ownShapePerName = 125

/** What an entry takes beside its text, key and value: its own fields, its times, its places in two maps and a list. */
const entryOverhead = 580

interface Weighing {
  bytes: number
  /** Of short strings that others have too. */
  sharedBytes: number
  isLatin1: boolean
  /** Parts not weighed yet: without recursion, for a value may be deeper than the stack. */
  readonly pending: object[]
}

/** Estimated bytes of heap that an entry of L1 takes. */
export function heapSizeOfEntry({ text, key, value }: Item<unknown>): number {
  return entryOverhead + heapSizeOf(text) + heapSizeOf(key) + heapSizeOf(value)
}

/** Estimated bytes of heap that a JSON value takes, less what it shares with others. Takes time in proportion to it. */
export function heapSizeOf(value: unknown): number {
  const weighing: Weighing = { bytes: 0, sharedBytes: 0, isLatin1: true, pending: [] }
  weigh(weighing, value)
  for (let part = weighing.pending.pop(); part !== undefined; part = weighing.pending.pop()) {
    if (Array.isArray(part)) weighArray(weighing, part)
    else weighObject(weighing, part as Record<string, unknown>)
  }
  return weighing.bytes + (weighing.isLatin1 ? 0 : weighing.sharedBytes)
}

/** What a value takes beside the word that refers to it. */
function weigh(weighing: Weighing, value: unknown): void {
  if (typeof value === 'string') weighString(weighing, value)
  else if (typeof value === 'number') weighing.bytes += isSmallInteger(value) ? 0 : boxedNumber
  else if (typeof value === 'object' && value !== null) weighing.pending.push(value)
}

function weighString(weighing: Weighing, text: string): void {
  const isNarrow = isLatin1(text)
  const bytes = stringSize(text, isNarrow)
  if (!isNarrow) weighing.isLatin1 = false
  if (isNarrow && text.length < unsharedFrom && seenBefore.text(text)) weighing.sharedBytes += bytes
  else weighing.bytes += bytes
}

function weighArray(weighing: Weighing, array: readonly unknown[]): void {
  weighing.bytes += arrayHeader + (array.length === 0 ? 0 : elementsHeader + 8 * array.length)
  for (const part of array) weigh(weighing, part)
}

function weighObject(weighing: Weighing, object: Record<string, unknown>): void {
  let names = 0
  let indexes = 0
  let lastIndex = 0
  seenBefore.beginShape()
  for (const name in object) {
    weigh(weighing, object[name])
    if (isIndex(name)) {
      indexes++
      lastIndex = Number(name)
    } else {
      names++
      if (!seenBefore.name(name)) weighString(weighing, name)
    }
  }
  const isAlone = !seenBefore.endShape()
  weighing.bytes += names + indexes === 0 ? emptyObject : objectHeader
  if (indexes > 0) weighing.bytes += indexedSize(indexes, lastIndex)
  if (names > 0) weighing.bytes += namedSize(names, isAlone)
}

function namedSize(names: number, isAlone: boolean): number {
  if (names >= tableFrom) return tableSize(names)
  return 8 * names + (isAlone ? ownShape + ownShapePerName * names : 0)
}

/** Properties whose names are numbers lie in an array with gaps, unless the gaps are large. */
function indexedSize(indexes: number, lastIndex: number): number {
  return lastIndex < 9 * placesFor(indexes) ? elementsHeader + 8 * (lastIndex + 5) : tableSize(indexes)
}

function tableSize(entries: number): number {
  return 136 + 24 * placesFor(entries)
}

/** Open addressing, at most two thirds full. */
function placesFor(entries: number): number {
  return Math.max(4, 2 ** Math.ceil(Math.log2(entries + (entries >> 1))))
}

function stringSize(text: string, isNarrow: boolean): number {
  return (stringHeader + (isNarrow ? text.length : 2 * text.length) + 7) & ~7
}

function isLatin1(text: string): boolean {
  // In UTF-8 only ASCII takes one byte a character.
  if (text.length > 32 && Buffer.byteLength(text) === text.length) return true
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return false
  return true
}

function isSmallInteger(value: number): boolean {
  return (value | 0) === value && (value !== 0 || 1 / value > 0)
}

/** Whether a property is an element: those are kept apart from names. */
function isIndex(name: string): boolean {
  const first = name.charCodeAt(0)
  return first >= 48 && first <= 57 && String(Number(name) >>> 0) === name
}

const seenBefore = new SeenBefore(2_048)
