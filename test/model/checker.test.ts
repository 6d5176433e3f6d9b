import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { check, type Model } from './checker.ts'

interface Counters {
  a: number
  b: number
  isDone: boolean
}

/** Two counters up to `max`, each of which may rise by one or, with `leaps`, by two. */
function counters({ max = 3, leaps = false, isBroken }: Partial<Plan> = {}): Model<Counters> {
  const rise = (which: 'a' | 'b', by: number) => (state: Counters) => {
    state[which] += by
    state.isDone = state.a === max && state.b === max
  }
  return {
    name: 'counters',
    start: () => ({ a: 0, b: 0, isDone: false }),
    steps(state, step) {
      for (const which of ['a', 'b'] as const) {
        if (state[which] < max) step(`${which} rises`, rise(which, 1))
        if (leaps && state[which] < max - 1) step(`${which} leaps`, rise(which, 2))
      }
    },
    broken: (state) => (isBroken?.(state) ? 'what must not be' : undefined),
  }
}

interface Plan {
  max: number
  leaps: boolean
  isBroken: (state: Counters) => boolean
}

describe('the checker', () => {
  test('meets every state once', () => {
    assert.deepEqual(check(counters()), { states: 16 })
  })

  test('copes with more states than fit into its first tables', () => {
    assert.equal(check(counters({ max: 255 })).states, 256 * 256)
  })

  test('finds the state that breaks an invariant, however late', () => {
    const { violation } = check(counters({ max: 100, isBroken: ({ isDone }) => isDone }))
    assert.equal(violation?.invariant, 'what must not be')
    assert.equal(violation.trace.split('\n').length, 200)
  })

  test('tells a shortest way there, step by step, with what each changed', () => {
    const { violation } = check(counters({ leaps: true, isBroken: ({ isDone }) => isDone }))
    assert.deepEqual(
      violation?.trace.split('\n').map((line) => line.trim().replaceAll(/ +/g, ' ')),
      ['1 a rises a 0→1', '2 a leaps a 1→3', '3 b rises b 0→1', '4 b leaps b 1→3, isDone false→true'],
    )
  })

  test('looks at the first state too', () => {
    assert.deepEqual(check(counters({ isBroken: () => true })).violation, { invariant: 'what must not be', trace: '' })
  })

  test('refuses a field that would not come back as it was', () => {
    assert.throws(() => check(counters({ max: 256 })), RangeError)
  })
})
