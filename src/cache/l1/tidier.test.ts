import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../testing/manual-clock.ts'
import { Tidier } from './tidier.ts'

interface World {
  clock: ReturnType<typeof manualClock>
  tidier: Tidier
  /** When the room was swept, and how many of its places at most. */
  sweeps: [monotonic: number, slots: number][]
  room: { places: number }
}

function world(places: number): World {
  const clock = manualClock()
  const sweeps: [number, number][] = []
  const room = {
    places,
    sweep(monotonic: number, slots: number) {
      sweeps.push([monotonic - startedAt, slots])
      return room.places
    },
  }
  const startedAt = clock.monotonic()
  return { clock, tidier: new Tidier(clock, [room]), sweeps, room }
}

test('nothing happens before anything came into memory', async () => {
  const { clock, sweeps } = world(10)
  await clock.advance(600_000)
  assert.deepEqual(sweeps, [])
})

test('while memory holds anything, it is swept once a minute', async () => {
  const { clock, tidier, sweeps } = world(10)
  tidier.note()
  tidier.note()
  await clock.advance(180_000)
  assert.deepEqual(
    sweeps.map(([at]) => at),
    [60_000, 120_000, 180_000],
  )
})

test('once memory is empty it rests, until something comes', async () => {
  const { clock, tidier, sweeps, room } = world(10)
  tidier.note()
  room.places = 0
  await clock.advance(600_000)
  assert.equal(sweeps.length, 1)
  tidier.note()
  await clock.advance(60_000)
  assert.equal(sweeps.length, 2)
})

test('a large memory is swept in slices, a whole round in about a minute', async () => {
  const { clock, tidier, sweeps } = world(1_000_000)
  tidier.note()
  await clock.advance(120_000)
  assert.equal(sweeps.length, 101)
  assert.ok(sweeps.every(([, slots]) => slots === 10_000))
})

test('closed, it never starts again', async () => {
  const { clock, tidier, sweeps } = world(10)
  tidier.note()
  tidier.close()
  tidier.note()
  await clock.advance(600_000)
  assert.deepEqual(sweeps, [])
})
