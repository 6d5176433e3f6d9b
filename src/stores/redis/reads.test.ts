import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { manualClock } from '../../testing/manual-clock.ts'
import { Connection } from './connection.ts'
import { Reads } from './reads.ts'

test("the server's time moves on from turn to turn, also where a test runner has timers of its own", async () => {
  let seconds = 0
  const raw = {
    ready: Promise.resolve(),
    send: async ([name]: readonly unknown[]) => (name === 'TIME' ? [String(++seconds), '0'] : [null]),
    subscribe: async () => {},
    destroy: () => {},
  }
  const clock = manualClock()
  const connection = new Connection(raw, { clock, timeoutMs: 1_000, onEnd: () => {} })
  const reads = new Reads()
  mock.timers.enable({ apis: ['setImmediate'] })
  const first = await reads.read(connection, 0, [['a', 'entry:a']])
  mock.timers.reset()
  await clock.advance(0)
  const second = await reads.read(connection, 0, [['a', 'entry:a']])
  assert.deepEqual([first.storeNow, second.storeNow], [1_000, 2_000])
})
