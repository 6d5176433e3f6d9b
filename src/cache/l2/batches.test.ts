import assert from 'node:assert/strict'
import { describe, mock, test } from 'node:test'
import type { Clock } from '../../shared/clock.ts'
import { manualClock, type ManualClock } from '../../testing/manual-clock.ts'
import { watch, type Watched } from '../../../test/support/watch.ts'
import { Batches } from './batches.ts'

/** A round trip that is under way until the test ends it. */
interface Trip {
  works: readonly string[]
  /** Answers every work with itself. */
  answer(): void
  fail(error: Error): void
}

interface World {
  clock: ManualClock
  /** In the order they were sent. */
  trips: Trip[]
  add(work: string): Promise<string>
}

function world(seenClock: (clock: ManualClock) => Clock = (clock) => clock): World {
  const clock = manualClock()
  const trips: Trip[] = []
  const batches = new Batches<string, string>(
    (works) => new Promise((answer, fail) => trips.push({ works, answer: () => answer(works), fail })),
    seenClock(clock),
    1_000,
  )
  return { clock, trips, add: (work) => batches.add(work) }
}

/** The first work is under way. */
function busyWorld(): World {
  const made = world()
  void made.add('first')
  return made
}

/** Four round trips are under way: nothing leaves before one of them ends. */
async function fullWorld(seenClock?: (clock: ManualClock) => Clock): Promise<World> {
  const made = world(seenClock)
  for (const work of ['first', 'second', 'third', 'fourth']) {
    made.add(work).catch(() => {})
    await made.clock.advance(0)
  }
  assert.equal(made.trips.length, 4)
  return made
}

function names(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `work ${i}`)
}

function sent({ trips }: World): (readonly string[])[] {
  return trips.map(({ works }) => works)
}

describe('works', () => {
  test('a lone one leaves at once', () => {
    const busy = busyWorld()
    assert.deepEqual(sent(busy), [['first']])
  })

  test('those that come while another is under way go together, in their order', async () => {
    const busy = busyWorld()
    for (const work of ['a', 'b', 'c']) void busy.add(work)
    await busy.clock.advance(0)
    assert.deepEqual(sent(busy), [['first'], ['a', 'b', 'c']])
  })

  test('those that come in one turn of the event loop go together, whatever they did before', async () => {
    const busy = busyWorld()
    await Promise.all(
      [0, 5, 10].map(async (steps) => {
        for (let i = 0; i < steps; i++) await Promise.resolve()
        void busy.add(`after ${steps}`)
      }),
    )
    await busy.clock.advance(0)
    assert.deepEqual(sent(busy), [['first'], ['after 0', 'after 5', 'after 10']])
  })

  test('those whose askers were answered together go together again', async () => {
    const busy = busyWorld()
    for (const steps of [0, 5, 10]) {
      void busy.add('').then(async () => {
        for (let i = 0; i < steps; i++) await Promise.resolve()
        void busy.add(`after ${steps}`)
      })
    }
    await busy.clock.advance(0)
    for (const { answer } of busy.trips) answer()
    await busy.clock.advance(0)
    assert.deepEqual(sent(busy).slice(2), [['after 0', 'after 5', 'after 10']])
  })

  test('a lone asker never waits for a turn of the event loop', async () => {
    const alone = world()
    const asked = alone.add('a')
    alone.trips[0]!.answer()
    await asked
    // What the answer still has to tidy up.
    await Promise.resolve()
    void alone.add('b')
    assert.deepEqual(sent(alone), [['a'], ['b']])
  })

  test('those of a crowd whom a store in this process answers at once go together, after the first four', async () => {
    const trips: (readonly string[])[] = []
    const batches = new Batches<string, string>(
      async (works) => {
        trips.push(works)
        return works
      },
      manualClock(),
      1_000,
    )
    for (const work of ['a', 'b', 'c', 'd']) {
      await batches.add(work)
      // What the answer still has to tidy up.
      await Promise.resolve()
    }
    await Promise.all([batches.add('e'), batches.add('f')])
    assert.deepEqual(trips, [['a'], ['b'], ['c'], ['d'], ['e', 'f']])
  })

  test('those that wait for the end of the turn leave, also where a test runner has timers of its own', async () => {
    mock.timers.enable({ apis: ['setImmediate'] })
    const busy = busyWorld()
    void busy.add('a')
    mock.timers.reset()
    await busy.clock.advance(0)
    assert.deepEqual(sent(busy), [['first'], ['a']])
  })

  for (const [what, count, lengths] of [
    ['at most a hundred go together', 450, [100, 100, 100]],
    ['many are shared out among the round trips that are free', 120, [40, 40, 40]],
    ['up to thirty-two are not split', 40, [32, 8]],
  ] as const) {
    test(what, async () => {
      const busy = busyWorld()
      for (const work of names(count)) void busy.add(work)
      await busy.clock.advance(0)
      assert.deepEqual(
        sent(busy).map((works) => works.length),
        [1, ...lengths],
      )
    })
  }

  test('at most four round trips are under way', async () => {
    const busy = busyWorld()
    for (const work of names(450)) void busy.add(work)
    await busy.clock.advance(0)
    assert.equal(busy.trips.length, 4)
  })

  test('what waits leaves when a round trip is back', async () => {
    const full = await fullWorld()
    for (const work of names(2)) void full.add(work)
    await full.clock.advance(0)
    full.trips[2]!.answer()
    await full.clock.advance(0)
    assert.deepEqual(sent(full).slice(4), [names(2)])
  })

  test('each gets its own outcome', async () => {
    const busy = busyWorld()
    const outcomes = ['a', 'b'].map((work) => busy.add(work))
    await busy.clock.advance(0)
    busy.trips[1]!.answer()
    assert.deepEqual(await Promise.all(outcomes), ['a', 'b'])
  })
})

describe('a round trip that fails', () => {
  test('fails all whose works were in it, and nobody else', async () => {
    const busy = world()
    const outcomes = ['first', 'a', 'b'].map((work) => watch(busy.add(work)))
    await busy.clock.advance(0)
    busy.trips[1]!.fail(new Error('broken'))
    busy.trips[0]!.answer()
    await busy.clock.advance(0)
    assert.deepEqual(
      outcomes.map(({ value, error }) => value ?? error),
      ['first', 'broken', 'broken'],
    )
  })

  test('makes room for the next', async () => {
    const full = await fullWorld()
    void full.add('next')
    await full.clock.advance(0)
    full.trips[0]!.fail(new Error('broken'))
    await full.clock.advance(0)
    assert.deepEqual(sent(full).at(-1), ['next'])
  })
})

describe('while nothing comes back', () => {
  test('a work fails when its own time is over, its wait included', async () => {
    const full = await fullWorld()
    await full.clock.advance(500)
    const late = watch(full.add('late'))
    await full.clock.advance(999)
    assert.equal(late.state, 'pending')
    await full.clock.advance(1)
    assert.equal(late.error, 'ERR_STORE_UNAVAILABLE')
  })

  test('each fails at its own time, though there is one timer for all', async () => {
    const full = await fullWorld()
    const early = watch(full.add('early'))
    await full.clock.advance(600)
    const late = watch(full.add('late'))
    assert.equal(full.clock.pending(), 1)
    await full.clock.advance(999)
    assert.deepEqual([early.error, late.state], ['ERR_STORE_UNAVAILABLE', 'pending'])
    await full.clock.advance(1)
    assert.equal(late.error, 'ERR_STORE_UNAVAILABLE')
  })

  test('all who are late by the time the timer gets to run are told at once', async () => {
    const tardy = (clock: ManualClock): Clock => ({
      ...clock,
      setTimer: (callback, afterMs) => clock.setTimer(callback, afterMs + 50),
    })
    const full = await fullWorld(tardy)
    const first = watch(full.add('first late'))
    await full.clock.advance(20)
    const second = watch(full.add('second late'))
    await full.clock.advance(1_030)
    assert.deepEqual([first.error, second.error], ['ERR_STORE_UNAVAILABLE', 'ERR_STORE_UNAVAILABLE'])
  })

  test('no timer is left when all have their answers', async () => {
    const full = await fullWorld()
    void full.add('waits')
    for (const { answer } of full.trips) answer()
    await full.clock.advance(0)
    full.trips.at(-1)!.answer()
    await full.clock.advance(0)
    assert.deepEqual([sent(full).at(-1), full.clock.pending()], [['waits'], 0])
  })

  test('a work that was sent after a wait fails when its own time is over', async () => {
    const full = await fullWorld()
    const late = watch(full.add('late'))
    await full.clock.advance(999)
    full.trips[0]!.answer()
    await full.clock.advance(0)
    assert.deepEqual(sent(full).at(-1), ['late'])
    await full.clock.advance(1)
    assert.equal(late.error, 'ERR_STORE_UNAVAILABLE')
  })

  test('a work that failed is never sent, also if its timer ran a little early', async () => {
    const early = (clock: ManualClock): Clock => ({
      ...clock,
      setTimer: (callback, afterMs) => clock.setTimer(callback, afterMs - 0.5),
    })
    const full = await fullWorld(early)
    const late = watch(full.add('late'))
    await full.clock.advance(999.5)
    assert.equal(late.error, 'ERR_STORE_UNAVAILABLE')
    full.trips[0]!.answer()
    await full.clock.advance(0)
    assert.equal(full.trips.length, 4)
  })

  test('a work whose time is over is not sent, also if its turn comes before its timer', async () => {
    const full = await fullWorld()
    full.clock.setTimer(() => full.trips[0]!.answer(), 1_000)
    const late = watch(full.add('late'))
    await full.clock.advance(1_000)
    assert.equal(late.error, 'ERR_STORE_UNAVAILABLE')
    assert.equal(full.trips.length, 4)
  })

  test('whoever still has time is sent past those who have none', async () => {
    const full = await fullWorld()
    for (const work of names(150)) full.add(work).catch(() => {})
    await full.clock.advance(1_000)
    void full.add('young')
    full.trips[0]!.answer()
    await full.clock.advance(0)
    assert.deepEqual(sent(full).slice(4), [['young']])
  })
})

describe('a work that is asked for right when all round trips are back, while others wait', () => {
  /** The four of them end at once: whoever was answered asks the next thing before what waits could leave. */
  async function askedInBetween(seenClock?: (clock: ManualClock) => Clock): Promise<World & { late: Watched<string> }> {
    const made = world(seenClock)
    const asked = made.add('first').then(() => watch(made.add('late')))
    for (const work of names(850)) made.add(work).catch(() => {})
    await made.clock.advance(0)
    assert.equal(made.trips.length, 4)
    for (const { answer } of made.trips) answer()
    await made.clock.advance(0)
    assert.ok(!sent(made).flat().includes('late'), 'it waits behind those that came before')
    return { ...made, late: await asked }
  }

  test('is told in time, though nothing comes back any more', async () => {
    const { clock, late } = await askedInBetween()
    await clock.advance(1_000)
    assert.equal(late.error, 'ERR_STORE_UNAVAILABLE')
  })

  test('is told when it is passed over as late, though its timer has not come to say so', async () => {
    const tardy = (clock: ManualClock): Clock => ({
      ...clock,
      setTimer: (callback, afterMs) => clock.setTimer(callback, afterMs + 60_000),
    })
    const { clock, trips, late } = await askedInBetween(tardy)
    await clock.advance(1_000)
    trips[4]!.answer()
    await clock.advance(0)
    assert.equal(late.error, 'ERR_STORE_UNAVAILABLE')
  })
})
