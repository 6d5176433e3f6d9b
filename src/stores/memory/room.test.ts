import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Room, type Occupant } from './room.ts'

const maxEntries = 12

function occupant(expiresAt: number = Infinity): Occupant {
  return { slot: -1, times: { expiresAt } }
}

function room(warn: (entries: number) => void = () => {}): Room<Occupant> {
  return new Room(maxEntries, warn)
}

type Step = { do: 'add'; expiresAt: number } | { do: 'evict' } | { do: 'use' | 'remove'; nth: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('add' as const), expiresAt: fc.constantFrom(0, Infinity, Infinity) }),
  fc.record({ do: fc.constant('evict' as const) }),
  fc.record({ do: fc.constantFrom('use' as const, 'remove' as const), nth: fc.nat(maxEntries) }),
)

test('whatever happens, somebody expired leaves, and if there is none whoever was used least recently', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const tested = room()
      /** The least recently used first. */
      const naive: Occupant[] = []
      for (const each of steps) {
        play(each, tested, naive)
        assert.equal(tested.isFull, naive.length === maxEntries)
        assert.equal(new Set(naive.map(({ slot }) => slot)).size, naive.length)
        assert.ok(naive.every(({ slot }) => slot < maxEntries))
      }
    }),
  )
})

function play(each: Step, tested: Room<Occupant>, naive: Occupant[]): void {
  if (each.do === 'add') {
    if (tested.isFull) return
    naive.push(occupant(each.expiresAt))
    tested.add(naive.at(-1)!)
  } else if (naive.length > 0 && each.do === 'evict') {
    const left = tested.evict(0)
    const isAnyExpired = naive.some(({ times }) => times.expiresAt === 0)
    assert.ok(isAnyExpired ? left.times.expiresAt === 0 : left === naive[0])
    naive.splice(naive.indexOf(left), 1)
  } else if (naive.length > 0 && each.do !== 'evict') {
    const [found] = naive.splice(each.nth % naive.length, 1)
    if (each.do === 'use') naive.push(found!)
    tested[each.do === 'use' ? 'used' : 'remove'](found!)
  }
}

test('whoever has expired is found, wherever they stand', () => {
  for (let place = 0; place < maxEntries; place++) {
    const tested = room()
    const all = Array.from({ length: maxEntries }, (_, i) => occupant(i === place ? 10 : Infinity))
    for (const each of all) tested.add(each)
    assert.equal(tested.evict(10), all[place])
  }
})

test('of a thousand who have expired each look finds one, and then the least recently used leaves', () => {
  const tested = new Room(2_000, () => {})
  const living = occupant()
  tested.add(living)
  for (let i = 0; i < 1_000; i++) tested.add(occupant(10))
  for (let i = 0; i < 1_000; i++) assert.notEqual(tested.evict(10), living)
  assert.equal(tested.evict(10), living)
})

test('a look for somebody expired visits a few places only', () => {
  const large = new Room(1_000, () => {})
  let looks = 0
  const watched = (): Occupant => ({
    slot: -1,
    times: {
      get expiresAt() {
        looks++
        return Infinity
      },
    },
  })
  for (let i = 0; i < 1_000; i++) large.add(watched())
  large.evict(0)
  assert.ok(looks <= 16, `${looks} were looked at`)
})

test('it gives notice at nine tenths, and again only after it had sunk below eight', () => {
  const notices: number[] = []
  const tested = new Room(100, (entries) => notices.push(entries))
  const inside: Occupant[] = []
  const come = (count: number): void => {
    for (const each of Array.from({ length: count }, () => occupant())) {
      inside.push(each)
      tested.add(each)
    }
  }
  const leave = (count: number): void => inside.splice(0, count).forEach((each) => tested.remove(each))
  come(100)
  leave(20)
  come(20)
  assert.deepEqual(notices, [90])
  leave(21)
  come(21)
  assert.deepEqual(notices, [90, 90])
})
