import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, test, type TestContext } from 'node:test'
import { recordingLogger, type LogLine } from '../../../test/support/recording-logger.ts'
import { manualClock, type ManualClock } from '../../testing/manual-clock.ts'
import { SlowOperations } from './slow-operations.ts'

interface World {
  clock: ManualClock
  slow: SlowOperations
  lines: LogLine[]
  /** An operation that takes so long. */
  take: (ms: number, operation?: string) => Promise<void>
}

function world(thresholdMs = 200): World {
  const clock = manualClock()
  const { logger, lines } = recordingLogger()
  const slow = new SlowOperations({ store: 'memory', thresholdMs, clock, logger })
  const take = async (ms: number, operation = 'read'): Promise<void> => {
    const sentAt = clock.monotonic()
    await clock.advance(ms)
    slow.ended(operation, sentAt)
  }
  return { clock, slow, lines, take }
}

function slowEvents(t: TestContext): unknown[] {
  const events: unknown[] = []
  const listener = (event: unknown): void => {
    if ((event as { type: string }).type === 'slow-operation') events.push(event)
  }
  subscribe('sallyport:cache', listener)
  t.after(() => unsubscribe('sallyport:cache', listener))
  return events
}

describe('an operation', () => {
  test('that takes as long as the threshold is not slow, one that takes longer is', async () => {
    const { slow, take } = world()
    await take(200)
    assert.equal(slow.count, 0)
    await take(201)
    assert.equal(slow.count, 1)
  })

  test('that is slow is published with its name and how long it took', async (t) => {
    const events = slowEvents(t)
    const { take } = world()
    await take(100)
    await take(350, 'remove')
    assert.deepEqual(events, [{ type: 'slow-operation', store: 'memory', operation: 'remove', ms: 350 }])
  })

  test('that opens the store is never slow: there may be tables to make', async () => {
    const { slow, take } = world()
    await take(5_000, 'init')
    assert.equal(slow.count, 0)
  })

  test('is never slow where the threshold is 0', async (t) => {
    const events = slowEvents(t)
    const { slow, lines, take } = world(0)
    await take(60_000)
    assert.deepEqual([slow.count, events, lines], [0, [], []])
  })

  test('is measured by the monotonic clock: a wall clock that steps makes none slow', async () => {
    const { clock, slow } = world()
    const sentAt = clock.monotonic()
    clock.stepWall(3_600_000)
    slow.ended('read', sentAt)
    assert.equal(slow.count, 0)
  })
})

describe('the log', () => {
  test('names the first at once', async () => {
    const { lines, take } = world()
    await take(350, 'list')
    assert.deepEqual(
      lines.map(({ level, fields }) => [level, fields]),
      [['warn', { store: 'memory', operation: 'list', ms: 350, count: 1 }]],
    )
    assert.match(lines[0]!.message, /longer than 200 ms/)
  })

  test('says nothing more for a minute, and then how many there were', async () => {
    const { clock, lines, take } = world()
    await take(250)
    for (let i = 0; i < 4; i++) await take(250)
    assert.equal(lines.length, 1)
    await clock.advance(60_000)
    await take(300)
    assert.deepEqual(
      lines.map(({ fields }) => (fields as { count: number }).count),
      [1, 5],
    )
  })

  test('counts afresh after each line', async () => {
    const { clock, slow, lines, take } = world()
    for (let i = 0; i < 3; i++) {
      await take(250)
      await clock.advance(60_000)
    }
    assert.deepEqual(
      lines.map(({ fields }) => (fields as { count: number }).count),
      [1, 1, 1],
    )
    assert.equal(slow.count, 3)
  })
})
