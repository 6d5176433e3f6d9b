import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, test, type TestContext } from 'node:test'
import { SallyportError } from '../../shared/errors.ts'
import type { Randomness } from '../../shared/randomness.ts'
import { memoryStore } from '../../stores/memory.ts'
import { manualClock, type ManualClock } from '../../testing/manual-clock.ts'
import { heldStore, type HeldStore } from '../../../test/support/held-store.ts'
import { recordingLogger, type LogLine } from '../../../test/support/recording-logger.ts'
import { slowOperations } from '../../../test/support/slow-operations.ts'
import { evenRandomness } from '../../../test/support/tiers.ts'
import { Coherence } from './coherence.ts'
import { Poller } from './poller.ts'
import type { SlowOperations } from '../l2/slow-operations.ts'
import type { Store } from '../store.ts'

const D = 900

interface World {
  clock: ManualClock
  coherence: Coherence
  poller: Poller
  held: HeldStore
  /** When each poll was sent, in ms since the start. */
  sentAt: number[]
  lines: LogLine[]
  /** How many polls were answered, as others are told. */
  answers(): number
  holdsLease(): boolean
  slow: SlowOperations
}

function world({ randomness = evenRandomness }: { randomness?: Randomness } = {}): World {
  const clock = manualClock()
  const inner = memoryStore({ clock })
  void inner.init({ maxStalenessMs: D })
  const held = heldStore(inner)
  const { logger, lines } = recordingLogger()
  const coherence = new Coherence(
    256,
    { maxStalenessMs: D, graceMs: 0, writeTimeoutMs: 1_000 },
    { drop: () => {}, dropBucket: () => {}, dropAll: () => {}, violated: () => {} },
  )
  const sentAt: number[] = []
  const store: Store = Object.assign(Object.create(held.store) as Store, {
    epochs: (known: readonly number[]) => {
      sentAt.push(clock.monotonic())
      return held.store.epochs(known)
    },
  })
  let answered = 0
  const onAnswer = (): void => void answered++
  const slow = slowOperations(clock, 200)
  const bounds = { maxStalenessMs: D, timeoutMs: D / 3 }
  const poller = new Poller({ ...bounds, store, coherence, clock, randomness, logger, slow, onAnswer })
  const holdsLease = (): boolean => coherence.holdsLease(clock.monotonic(), clock.wall())
  return { clock, coherence, poller, held, sentAt, lines, answers: () => answered, holdsLease, slow }
}

/** Lets time pass while somebody reads all the while; calls `look` every 10 ms. */
async function inUse({ clock, poller }: World, ms: number, look: () => void = () => {}): Promise<void> {
  for (let passed = 0; passed < ms; passed += 10) {
    poller.lastUseAt = clock.monotonic()
    await clock.advance(10)
    look()
  }
}

/** The same, with every poll answered after `latency`. */
async function inUseWithAnswersAfter(latency: number, started: World, ms: number, look: () => void): Promise<void> {
  const { held, poller } = started
  held.hold('epochs', 'answer')
  poller.wake()
  let waited = 0
  await inUse(started, ms, () => {
    waited = held.waiting('epochs') > 0 ? waited + 10 : 0
    if (waited >= latency) held.release('epochs')
    look()
  })
}

/** What is published of the lease while the test runs. */
function leaseEvents(t: TestContext): string[] {
  const states: string[] = []
  const listener = (event: unknown): void => {
    const { type, state } = event as { type: string; state: string }
    if (type === 'lease') states.push(state)
  }
  subscribe('sallyport:cache', listener)
  t.after(() => unsubscribe('sallyport:cache', listener))
  return states
}

function gaps(times: number[]): number[] {
  return times.slice(1).map((time, i) => time - times[i]!)
}

describe('while anybody reads', () => {
  test('it polls every third of D, less up to a tenth of that by jitter', async () => {
    for (const fraction of [0, 0.5, 0.999]) {
      const started = world({ randomness: { ...evenRandomness, fraction: () => fraction } })
      started.poller.wake()
      await inUse(started, 3_000)
      assert.ok(started.sentAt.length >= 10)
      for (const gap of gaps(started.sentAt)) assert.equal(Math.round(gap), Math.round(300 * (0.9 + 0.1 * fraction)))
    }
  })

  test('the lease never ends, though answers take nearly a third of D', async () => {
    const started = world()
    let hadLease = false
    await inUseWithAnswersAfter(290, started, 5_000, () => {
      if (hadLease) assert.ok(started.holdsLease(), `at ${started.clock.monotonic()}`)
      hadLease ||= started.holdsLease()
    })
    assert.ok(hadLease)
  })

  test('one poll that is lost does not end the lease, though the next is not answered at once', async () => {
    const started = world()
    let hadLease = false
    let toLose = 1
    await inUseWithAnswersAfter(200, started, 3_000, () => {
      if (hadLease) assert.ok(started.holdsLease(), `at ${started.clock.monotonic()}`)
      hadLease ||= started.holdsLease()
      if (hadLease && started.held.waiting('epochs') > 0 && toLose-- > 0) started.held.forget('epochs')
    })
    assert.ok(toLose < 0)
  })

  test('the lease ends D after the last poll that was answered had been sent', async () => {
    const started = world()
    started.held.hold('epochs', 'answer')
    started.poller.wake()
    await started.clock.advance(250)
    started.held.hold('epochs', 'request')
    started.held.release('epochs')
    await inUse(started, D - 260)
    assert.equal(started.holdsLease(), true)
    await inUse(started, 10)
    assert.equal(started.holdsLease(), false)
  })
})

describe('one poll at a time', () => {
  test('whoever asks while one is under way joins it', async () => {
    const started = world()
    started.held.hold('epochs', 'answer')
    const first = started.poller.poll()
    assert.equal(started.poller.poll(), first)
    started.poller.wake()
    assert.equal(started.sentAt.length, 1)
    started.held.release('epochs')
    await first
    assert.equal(started.sentAt.length, 1)
  })

  test('waking it when the next is planned sends nothing', async () => {
    const started = world()
    started.poller.lastUseAt = 0
    await started.poller.poll()
    assert.equal(started.poller.isResting, false)
    started.poller.wake()
    await started.clock.advance(0)
    assert.equal(started.sentAt.length, 1)
  })
})

describe('a poll that is not answered', () => {
  test('is over after a third of D, and the next is sent at once', async () => {
    const started = world()
    started.held.hold('epochs', 'request')
    started.poller.wake()
    await inUse(started, 1_000)
    assert.deepEqual(started.sentAt.slice(0, 3), [0, 300, 600])
  })

  test('does not renew the lease when its answer comes late', async () => {
    const started = world()
    started.held.hold('epochs', 'answer')
    started.poller.wake()
    await inUse(started, 310)
    started.held.release('epochs')
    await inUse(started, 10)
    assert.equal(started.holdsLease(), false)
  })

  test('is said once, and that it is over too', async () => {
    const started = world()
    started.held.hold('epochs', 'request')
    started.poller.wake()
    await inUse(started, 2_000)
    started.held.pass('epochs')
    await inUse(started, 2_000)
    assert.deepEqual(
      started.lines.map(({ level, message }) => [level, message.split(':')[0]]),
      [
        ['warn', 'polling the store failed'],
        ['info', 'the lease is renewed'],
      ],
    )
  })
})

describe('polls that were given up and never end', () => {
  test('become rare while the store hangs', async () => {
    const started = world({ randomness: { ...evenRandomness, fraction: () => 1 } })
    started.held.hold('epochs', 'request')
    started.poller.wake()
    await inUse(started, 9_000)
    const waits = [1 / 3, 1 / 3, 1, 1, 1, 1, 1, 1, 1, 1, 1].map((share) => Math.round(share * D))
    assert.deepEqual(gaps(started.sentAt), waits)
  })

  test('hold up nothing once one of them ends, be it with an answer or an error', async () => {
    for (const end of ['release', 'lose'] as const) {
      const started = world()
      started.held.hold('epochs', 'answer')
      started.poller.wake()
      await inUse(started, 1_300)
      assert.equal(started.sentAt.length, 3)
      started.held.pass('epochs')
      started.held[end]('epochs')
      await inUse(started, 10)
      assert.deepEqual([started.sentAt.length, started.holdsLease()], [4, true])
    }
  })

  test('hold up nothing once the store answers something else', async () => {
    const started = world()
    started.held.hold('epochs', 'request')
    started.poller.wake()
    await inUse(started, 3_000)
    const before = started.sentAt.length
    started.held.pass('epochs')
    started.poller.pollSoon()
    await inUse(started, 10)
    assert.deepEqual([started.sentAt.length, started.holdsLease()], [before + 1, true])
  })

  test('are of a dead connection if a later one is answered, and slow down nothing any more', async () => {
    const started = world()
    started.held.hold('epochs', 'request')
    started.poller.wake()
    await inUse(started, 1_500)
    started.held.pass('epochs')
    await inUse(started, 3 * D)
    assert.equal(started.holdsLease(), true)
    const before = started.sentAt.length
    started.held.hold('epochs', 'request')
    await inUse(started, D)
    assert.ok(started.sentAt.length - before >= 3, `${started.sentAt.length - before} polls`)
  })
})

describe('a poll that is answered with nonsense', () => {
  test('is one that failed', async () => {
    const started = world()
    const { clock, coherence } = started
    const odd: Store = Object.assign(Object.create(started.held.store) as Store, {
      epochs: async (known: readonly number[]) => ({ ...(await started.held.store.epochs(known)), numbers: [NaN] }),
    })
    const bounds = { maxStalenessMs: D, timeoutMs: D / 3 }
    const seams = { clock, randomness: evenRandomness, logger: recordingLogger().logger, slow: slowOperations(clock) }
    const onAnswer = (): void => assert.fail('no answer')
    const poller = new Poller({ ...bounds, ...seams, store: odd, coherence, onAnswer })
    await poller.poll()
    assert.deepEqual([started.holdsLease(), poller.pollFailures], [false, 1])
  })
})

describe('what others are told', () => {
  test('it counts the polls, and those that failed', async () => {
    const started = world()
    await started.poller.poll()
    started.held.hold('epochs', 'request')
    const lost = started.poller.poll()
    await started.clock.advance(300)
    await lost
    assert.deepEqual([started.poller.polls, started.poller.pollFailures, started.answers()], [2, 1, 1])
  })

  test('a poll that took longer than the threshold is slow, also one that was given up', async () => {
    const started = world()
    const { held, poller, clock, slow } = started
    await poller.poll()
    assert.equal(slow.count, 0)
    held.hold('epochs', 'answer')
    const late = poller.poll()
    await clock.advance(250)
    held.release('epochs')
    await late
    assert.equal(slow.count, 1)
    const lost = poller.poll()
    await clock.advance(300)
    await lost
    assert.equal(slow.count, 2)
  })

  test('the lease is held with the first answer, lost when it is over, and held again', async (t) => {
    const states = leaseEvents(t)
    const started = world()
    started.poller.wake()
    await inUse(started, 1_000)
    assert.deepEqual(states, ['held'])
    started.held.hold('epochs', 'request')
    await inUse(started, 3_000)
    assert.deepEqual(states, ['held', 'lost'])
    started.held.pass('epochs')
    await inUse(started, 3_000)
    assert.deepEqual(states, ['held', 'lost', 'held'])
  })

  test('a poll that is lost does not lose the lease', async (t) => {
    const states = leaseEvents(t)
    const started = world()
    started.poller.wake()
    await inUse(started, 10)
    started.held.hold('epochs', 'request')
    await inUse(started, 350)
    started.held.pass('epochs')
    await inUse(started, 1_000)
    assert.deepEqual([states, started.poller.pollFailures], [['held'], 1])
  })
})

test('a store that refuses at once is not asked more often than every third of D', async () => {
  const started = world()
  const refusing: Store = Object.create(started.held.store) as Store
  let asked = 0
  refusing.epochs = () => {
    asked++
    throw new SallyportError('ERR_CLOSED', 'closed')
  }
  const { clock, coherence } = started
  const bounds = { maxStalenessMs: D, timeoutMs: D / 3 }
  const seams = { clock, randomness: evenRandomness, logger: recordingLogger().logger, slow: slowOperations(clock) }
  const poller = new Poller({ ...bounds, ...seams, store: refusing, coherence, onAnswer: () => {} })
  poller.wake()
  for (let passed = 0; passed < 3_000; passed += 100) {
    poller.lastUseAt = clock.monotonic()
    await clock.advance(100)
  }
  assert.ok(asked >= 10 && asked <= 12, `${asked} polls in 3 s`)
})

describe('when nobody reads', () => {
  test('it rests after 10 D', async () => {
    const started = world()
    started.poller.lastUseAt = 0
    started.poller.wake()
    await started.clock.advance(10 * D + 300)
    const polls = started.sentAt.length
    assert.ok(polls >= 29, `${polls} polls`)
    assert.equal(started.poller.isResting, true)
    await started.clock.advance(100 * D)
    assert.equal(started.sentAt.length, polls)
    assert.equal(started.clock.pending(), 0)
  })

  test('it wakes with the next read, at once', async () => {
    const started = world()
    await started.poller.poll()
    await started.clock.advance(20 * D)
    assert.equal(started.poller.isResting, true)
    started.poller.lastUseAt = started.clock.monotonic()
    started.poller.wake()
    assert.equal(started.sentAt.at(-1), 20 * D)
    await started.clock.advance(0)
    assert.equal(started.holdsLease(), true)
    assert.equal(started.poller.isResting, false)
  })
})

describe('closed', () => {
  test('it never polls again', async () => {
    const started = world()
    started.poller.lastUseAt = 0
    await started.poller.poll()
    started.poller.close()
    started.poller.wake()
    await inUse(started, 1_000)
    assert.equal(started.sentAt.length, 1)
    assert.equal(started.clock.pending(), 0)
  })

  test('while a poll is under way, it takes no notice of the answer', async () => {
    const started = world()
    started.held.hold('epochs', 'answer')
    const polling = started.poller.poll()
    started.poller.close()
    started.held.release('epochs')
    await polling
    assert.equal(started.holdsLease(), false)
    await inUse(started, 1_000)
    assert.equal(started.sentAt.length, 1)
  })

  test('while a poll is under way that fails, it complains of nothing', async () => {
    const started = world()
    started.held.hold('epochs', 'answer')
    const polling = started.poller.poll()
    started.poller.close()
    started.held.lose('epochs')
    await polling
    assert.deepEqual(started.lines, [])
  })
})
