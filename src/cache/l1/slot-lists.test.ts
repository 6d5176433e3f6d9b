import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SlotLists } from './slot-lists.ts'

const lists = 3

test('after any operations the lists are what plain arrays would be', () => {
  const list = fc.nat({ max: lists - 1 })
  const operation = fc.oneof(
    { weight: 6, arbitrary: fc.record({ append: fc.nat({ max: 40 }), list }) },
    { weight: 2, arbitrary: fc.record({ remove: fc.nat({ max: 40 }) }) },
    { weight: 1, arbitrary: fc.record({ from: list, to: list }) },
  )
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 100, size: 'max' }), (operations) => {
      const actual = new SlotLists(lists, 10)
      const expected: number[][] = Array.from({ length: lists }, () => [])
      for (const each of operations) {
        if ('append' in each) {
          if (expected.some((slots) => slots.includes(each.append))) continue
          actual.append(each.list, each.append)
          expected[each.list]!.push(each.append)
        } else if ('remove' in each) {
          const slots = expected.find((some) => some.includes(each.remove))
          if (slots === undefined) continue
          actual.remove(each.remove)
          slots.splice(slots.indexOf(each.remove), 1)
        } else if (each.from !== each.to) {
          actual.moveAll(each.from, each.to)
          expected[each.to]!.push(...expected[each.from]!.splice(0))
        }
        for (const [i, slots] of expected.entries()) assertEnds(actual, i, slots)
      }
      for (const [i, slots] of expected.entries()) assert.deepEqual(drained(actual, i), slots)
    }),
    { numRuns: 1_000 },
  )
})

function assertEnds(actual: SlotLists, list: number, slots: number[]): void {
  if (slots.length === 0) assert.ok(actual.oldest(list) < 0 && actual.newest(list) < 0)
  else assert.deepEqual([actual.oldest(list), actual.newest(list)], [slots[0], slots.at(-1)])
}

function drained(actual: SlotLists, list: number): number[] {
  const slots: number[] = []
  for (let slot = actual.oldest(list); slot >= 0; slot = actual.oldest(list)) {
    slots.push(slot)
    actual.remove(slot)
  }
  return slots
}
