import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { sideBySide, SlotCache, slotSteps } from '../../../test/support/slot-cache.ts'
import type { EvictionPolicy } from './eviction-policy.ts'
import { Lfu } from './lfu.ts'

interface Counted {
  slot: number
  count: number
}

/** The same with an array: of equal counts, whoever has been at it longest first. */
class NaiveLfu implements EvictionPolicy {
  #items: Counted[] = []
  #operations = 0

  added(slot: number): void {
    this.#operations++
    this.#items.push({ slot, count: 0 })
  }

  used(slot: number): void {
    this.#operations++
    const item = this.#items.find((each) => each.slot === slot)!
    this.removed(slot)
    this.#items.push({ slot, count: Math.min(item.count + 1, 15) })
  }

  removed(slot: number): void {
    this.#items = this.#items.filter((each) => each.slot !== slot)
  }

  evict(): number {
    if (this.#operations >= 10 * this.#items.length) this.#halve()
    const victim = this.#items.reduce((least, each) => (each.count < least.count ? each : least))
    this.removed(victim.slot)
    return victim.slot
  }

  #halve(): void {
    this.#operations = 0
    this.#items.sort((a, b) => a.count - b.count)
    for (const item of this.#items) item.count = Math.floor(item.count / 2)
  }
}

test('the entry that was asked for least often leaves', () => {
  const cache = new SlotCache(new Lfu(3), 3)
  for (const key of [1, 1, 1, 2, 2, 3, 4]) cache.ask(key)
  assert.deepEqual(cache.drain(), [4, 2, 1])
})

test('what was popular once is forgotten when others are', () => {
  const cache = new SlotCache(new Lfu(2), 2)
  for (let i = 0; i < 1_000; i++) cache.ask(0)
  // Each is asked for twice, and then never again.
  for (let key = 1; key < 100 && cache.has(0); key++) {
    cache.ask(key)
    cache.ask(key)
  }
  assert.ok(!cache.has(0))
})

test('a count that was halved any number of times since is brought up to date by the next use', () => {
  for (const ages of [1, 2, 3, 4, 5, 32, 33]) {
    const policy = sideBySide(new Lfu(10), new NaiveLfu())
    const add = (slot: number, uses: number): void => {
      policy.added(slot, slot)
      for (let i = 0; i < uses; i++) policy.used(slot)
    }
    // Unused and older than any other: these leave, one with each age.
    for (let age = 0; age < ages; age++) add(100 + age, 0)
    add(0, 15)
    add(1, 15)
    for (let age = 0; age < ages; age++) {
      for (let i = 0; i < 10 * (ages + 2); i++) policy.used(1)
      assert.equal(policy.evict(), 100 + age)
    }
    policy.used(0)
    for (let uses = 0; uses < 8; uses++) add(2 + uses, uses)
    for (let i = 0; i < 10; i++) policy.evict()
  }
})

test('whatever happens, it chooses as a plain list would', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), slotSteps(60), (capacity, steps) => {
      const cache = new SlotCache(sideBySide(new Lfu(capacity), new NaiveLfu()), capacity)
      for (const step of steps) cache.play(step)
      cache.drain()
    }),
    { numRuns: 300 },
  )
})

test('counts that end at their limit, and are halved many times, stay right', () => {
  fc.assert(
    fc.property(slotSteps(6), slotSteps(6), slotSteps(6), (...steps) => {
      const cache = new SlotCache(sideBySide(new Lfu(4), new NaiveLfu()), 4)
      for (const step of steps.flat()) cache.play(step)
      cache.drain()
    }),
  )
})

describe('after so many halvings that the age wraps around', () => {
  /** Nobody can wait for them: its age is set in a copy of its source. */
  async function agedLfu(t: TestContext, age: number): Promise<typeof Lfu> {
    const source = readFileSync(new URL('lfu.ts', import.meta.url), 'utf8')
    const aged = source.replace('#age = 0\n', `#age = ${age}\n`)
    assert.notEqual(aged, source)
    const directory = mkdtempSync(join(tmpdir(), 'sallyport-lfu-'))
    t.after(() => rmSync(directory, { recursive: true }))
    const file = join(directory, 'lfu.ts')
    writeFileSync(
      file,
      aged.replace(/(?<=from ')\.\/[^']+/g, (path) => import.meta.resolve(path)),
    )
    const made = (await import(pathToFileURL(file).href)) as { Lfu: typeof Lfu }
    return made.Lfu
  }

  for (const age of [2 ** 28 - 2, 2 ** 28, 2 ** 32 - 2]) {
    test(`it still chooses as a plain list would (from age ${age})`, async (t) => {
      const Aged = await agedLfu(t, age)
      fc.assert(
        fc.property(slotSteps(6), slotSteps(6), (...steps) => {
          const cache = new SlotCache(sideBySide(new Aged(4), new NaiveLfu()), 4)
          for (const step of steps.flat()) cache.play(step)
          cache.drain()
        }),
      )
    })
  }
})
