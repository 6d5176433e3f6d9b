import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { recordingLogger, type LogLine } from '../../../test/support/recording-logger.ts'
import { evenRandomness } from '../../../test/support/tiers.ts'
import { StoreUnavailableError } from '../../shared/errors.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { CircuitBreaker, type BreakerState, type Pass } from './circuit-breaker.ts'

const lost = new StoreUnavailableError('lost')

interface World {
  breaker: CircuitBreaker
  lines: LogLine[]
  /** How often others were told that the store answers again. */
  recoveries(): number
  /** Lets time pass; nothing here waits for timers. */
  wait(ms: number): void
  fail(times: number): void
  /** Whether an operation is let through; it stays under way. */
  letsThrough(isUrgent?: boolean): boolean
}

function world(fraction: () => number = () => 0.5): World {
  let monotonic = 1_000
  const clock = { ...manualClock(), monotonic: () => monotonic }
  const { logger, lines } = recordingLogger()
  let recoveries = 0
  const randomness = { ...evenRandomness, fraction }
  const breaker = new CircuitBreaker('memory', { clock, randomness, logger, onRecovery: () => void recoveries++ })
  return {
    breaker,
    lines,
    recoveries: () => recoveries,
    wait: (ms) => void (monotonic += ms),
    fail(times) {
      for (let i = 0; i < times; i++) breaker.failed(breaker.enter(), lost)
    },
    letsThrough: (isUrgent) => passOf(breaker, isUrgent) !== undefined,
  }
}

function passOf(breaker: CircuitBreaker, isUrgent?: boolean): Pass | undefined {
  try {
    return breaker.enter(isUrgent)
  } catch (error) {
    assert.ok(error instanceof StoreUnavailableError)
    return undefined
  }
}

describe('a closed breaker', () => {
  test('opens with the fifth failure in a row', () => {
    const { breaker, fail } = world()
    fail(4)
    assert.equal(breaker.state, 'closed')
    fail(1)
    assert.equal(breaker.state, 'open')
  })

  test('counts from the latest success', () => {
    const { breaker, fail } = world()
    for (let round = 0; round < 3; round++) {
      fail(4)
      breaker.answered(breaker.enter())
    }
    fail(4)
    assert.equal(breaker.state, 'closed')
  })

  test('takes no notice of failures of what was sent before the latest success', () => {
    const { breaker } = world()
    const old = Array.from({ length: 10 }, () => breaker.enter())
    breaker.answered(breaker.enter())
    for (const pass of old) breaker.failed(pass, lost)
    assert.equal(breaker.state, 'closed')
  })
})

describe('an open breaker', () => {
  test('refuses with what can be tried again in a second', () => {
    const { breaker, fail } = world()
    fail(5)
    assert.throws(() => breaker.enter(), { code: 'ERR_STORE_UNAVAILABLE', status: 503, retryAfterSec: 1 })
  })

  test('lets one operation through after half a second, less a quarter of it by jitter, and no other beside it', () => {
    for (const [fraction, waitMs] of [
      [0, 375],
      [0.5, 437.5],
      [1, 500],
    ] as const) {
      const { fail, wait, letsThrough } = world(() => fraction)
      fail(5)
      wait(waitMs - 0.5)
      assert.equal(letsThrough(), false)
      wait(0.5)
      assert.deepEqual([letsThrough(), letsThrough()], [true, false])
    }
  })

  test('closes when the probe is answered', () => {
    const { breaker, fail, wait, letsThrough, recoveries } = world()
    fail(5)
    wait(500)
    const probe = breaker.enter()
    assert.deepEqual([breaker.state, recoveries()], ['half-open', 0])
    breaker.answered(probe)
    assert.deepEqual([breaker.state, recoveries()], ['closed', 1])
    assert.deepEqual([letsThrough(), letsThrough()], [true, true])
  })

  test('waits up to a second from the second probe on', () => {
    const { breaker, fail, wait, letsThrough } = world(() => 1)
    fail(5)
    wait(500)
    for (let probes = 0; probes < 5; probes++) {
      breaker.failed(breaker.enter(), lost)
      assert.equal(breaker.state, 'open')
      wait(999)
      assert.equal(letsThrough(), false)
      wait(1)
    }
  })

  test('is followed at once by a probe if what opened it had hung long enough', () => {
    const { breaker, wait, letsThrough } = world()
    const hung = Array.from({ length: 5 }, () => breaker.enter())
    wait(1_000)
    for (const pass of hung) breaker.failed(pass, lost)
    assert.deepEqual([letsThrough(), letsThrough()], [true, false])
  })

  test('counts the wait from when the probe was sent: one that hung long enough is followed at once', () => {
    const { breaker, fail, wait, letsThrough } = world()
    fail(5)
    wait(500)
    const probe = breaker.enter()
    wait(1_000)
    breaker.failed(probe, lost)
    assert.equal(letsThrough(), true)
  })

  test('takes no notice of what was sent before it opened', () => {
    const { breaker, fail, letsThrough } = world()
    const [answered, failed] = [breaker.enter(), breaker.enter()]
    fail(5)
    breaker.answered(answered)
    breaker.failed(failed, lost)
    assert.deepEqual([breaker.state, letsThrough()], ['open', false])
  })

  test('once closed, takes no notice of failures of what was sent before it opened', () => {
    const { breaker, fail, wait } = world()
    const old = Array.from({ length: 10 }, () => breaker.enter())
    fail(5)
    wait(500)
    breaker.answered(breaker.enter())
    for (const pass of old) breaker.failed(pass, lost)
    assert.equal(breaker.state, 'closed')
  })

  test('begins with short waits again after it was closed', () => {
    const { breaker, fail, wait, letsThrough } = world()
    fail(5)
    wait(500)
    breaker.failed(breaker.enter(), lost)
    wait(1_000)
    breaker.answered(breaker.enter())
    fail(5)
    wait(500)
    assert.equal(letsThrough(), true)
  })
})

describe('an urgent operation', () => {
  test('is the probe a tenth of a second after it opened, or after the probe before it', () => {
    const { breaker, fail, wait, letsThrough } = world()
    fail(5)
    wait(99)
    assert.equal(letsThrough(true), false)
    wait(1)
    breaker.failed(breaker.enter(true), lost)
    wait(99)
    assert.equal(letsThrough(true), false)
    wait(1)
    assert.equal(letsThrough(true), true)
  })

  test('is refused while a probe is under way, as any other', () => {
    const { breaker, fail, wait, letsThrough } = world()
    fail(5)
    wait(500)
    breaker.enter()
    wait(500)
    assert.equal(letsThrough(true), false)
  })
})

describe('an answer on another connection', () => {
  test('lets the next operation be the probe at once', () => {
    const { breaker, fail, letsThrough } = world()
    fail(5)
    breaker.probeSoon()
    assert.deepEqual([letsThrough(), letsThrough()], [true, false])
  })

  test('does not hide that this connection fails', () => {
    const { breaker, fail } = world()
    for (let i = 0; i < 5; i++) {
      fail(1)
      breaker.probeSoon()
    }
    assert.equal(breaker.state, 'open')
  })
})

test('it counts what failed, also what came too late to matter, and what it refused', () => {
  const { breaker, fail, letsThrough } = world()
  const old = breaker.enter()
  fail(5)
  breaker.failed(old, lost)
  for (let i = 0; i < 3; i++) letsThrough()
  assert.deepEqual([breaker.failures, breaker.refusals], [6, 3])
})

test('every change of its state is published', (t) => {
  const events: unknown[] = []
  const listener = (event: unknown): void => void events.push(event)
  subscribe('sallyport:cache', listener)
  t.after(() => unsubscribe('sallyport:cache', listener))
  const { breaker, fail, wait } = world()
  fail(5)
  wait(500)
  breaker.answered(breaker.enter())
  assert.deepEqual(
    events,
    ['open', 'half-open', 'closed'].map((state) => ({ type: 'breaker', store: 'memory', state })),
  )
})

test('it warns with the error when it opens, and says when it is closed, however many probes that took', () => {
  const { breaker, fail, wait, lines } = world()
  fail(5)
  for (let probes = 0; probes < 5; probes++) {
    wait(1_000)
    breaker.failed(breaker.enter(), lost)
  }
  wait(1_000)
  breaker.answered(breaker.enter())
  assert.deepEqual(
    lines.map(({ level, fields }) => [level, fields]),
    [
      ['warn', { store: 'memory', err: lost }],
      ['info', { store: 'memory' }],
    ],
  )
})

describe('whatever happens', () => {
  type Step =
    | { does: 'wait'; ms: number }
    | { does: 'enter'; isUrgent: boolean }
    | { does: 'answer' | 'fail'; which: number }
    | { does: 'hear' }

  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 2, arbitrary: fc.record({ does: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 700 }) }) },
    { weight: 8, arbitrary: fc.record({ does: fc.constant('enter' as const), isUrgent: fc.boolean() }) },
    {
      weight: 8,
      arbitrary: fc.record({
        does: fc.constantFrom('fail' as const, 'fail' as const, 'fail' as const, 'answer' as const),
        which: fc.nat(30),
      }),
    },
    { weight: 1, arbitrary: fc.record({ does: fc.constant('hear' as const) }) },
  )

  /** What has happened to an operation, as places in one list of all events. */
  interface Known {
    entered: number
    sentAt: number
    ended?: number
    answered?: boolean
    isProbe: boolean
  }

  /** The rules again, naively: the state is worked out anew from everything that ever happened. */
  class Naive {
    readonly #operations: Known[] = []
    #events = 0
    /** When it opened or closed last, as a place in the list of events. */
    #changed = 0
    #isOpen = false
    #triedAt = 0
    #waitMs = 0
    #probes = 0

    state(): BreakerState {
      if (!this.#isOpen) return 'closed'
      return this.#operations.some(({ isProbe, ended }) => isProbe && ended === undefined) ? 'half-open' : 'open'
    }

    enter(isUrgent: boolean, at: number): Known | undefined {
      const isProbe = this.#isOpen
      const waitMs = isUrgent ? Math.min(100, this.#waitMs) : this.#waitMs
      if (isProbe && (this.state() === 'half-open' || at - this.#triedAt < waitMs)) return undefined
      const operation = { entered: ++this.#events, sentAt: at, isProbe }
      this.#operations.push(operation)
      return operation
    }

    end(operation: Known, answered: boolean): void {
      Object.assign(operation, { ended: ++this.#events, answered })
      if (operation.isProbe) this.#change(!answered, operation.sentAt)
      else if (!this.#isOpen && this.#failuresInARow() >= 5) this.#change(true, operation.sentAt)
    }

    hear(): void {
      this.#waitMs = 0
    }

    #failuresInARow(): number {
      const answers = this.#operations.filter(({ answered }) => answered).map(({ ended }) => ended!)
      const since = Math.max(this.#changed, ...answers)
      return this.#operations.filter(({ entered, answered }) => entered > since && answered === false).length
    }

    #change(isOpen: boolean, triedAt: number): void {
      this.#probes = isOpen && this.#isOpen ? this.#probes + 1 : 0
      this.#isOpen = isOpen
      this.#changed = ++this.#events
      this.#triedAt = triedAt
      this.#waitMs = (this.#probes === 0 ? 500 : 1_000) * 0.875
    }
  }

  test('it does what a naive reading of its rules does, and never lets two probes through', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const { breaker, wait } = world()
        const naive = new Naive()
        const underWay: { pass: Pass; known: Known }[] = []
        let at = 0
        for (const each of steps) {
          if (each.does === 'wait') wait(each.ms)
          if (each.does === 'wait') at += each.ms
          if (each.does === 'hear') breaker.probeSoon()
          if (each.does === 'hear') naive.hear()
          if (each.does === 'enter') {
            const [pass, known] = [passOf(breaker, each.isUrgent), naive.enter(each.isUrgent, at)]
            assert.equal(pass !== undefined, known !== undefined)
            if (pass !== undefined && known !== undefined) underWay.push({ pass, known })
          }
          if (each.does === 'answer' || each.does === 'fail') {
            const [ended] = underWay.splice(each.which % Math.max(1, underWay.length), 1)
            if (ended === undefined) continue
            if (each.does === 'answer') breaker.answered(ended.pass)
            else breaker.failed(ended.pass, lost)
            naive.end(ended.known, each.does === 'answer')
          }
          assert.equal(breaker.state, naive.state())
          assert.ok(underWay.filter(({ known }) => known.isProbe).length <= 1, 'two probes')
        }
      }),
      { numRuns: 500 },
    )
  })
})
