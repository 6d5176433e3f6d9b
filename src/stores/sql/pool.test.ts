import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hasCode, StoreUnavailableError } from '../../shared/errors.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { ManualClock } from '../../testing/manual-clock.ts'
import { FakeDriverPool, dead, held, watched } from '../../../test/support/fake-driver-pool.ts'
import type { FakeConnection } from '../../../test/support/fake-driver-pool.ts'
import { SqlPool } from './pool.ts'

interface Bench {
  driver: FakeDriverPool
  clock: ManualClock
  pool: SqlPool<FakeConnection>
}

function bench(max: number): Bench {
  const driver = new FakeDriverPool(max)
  const clock = manualClock()
  return { driver, clock, pool: new SqlPool(driver, 'test', clock) }
}

const done = async (): Promise<string> => 'done'
const never = (): Promise<never> => new Promise(() => {})

function unavailable(message: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof StoreUnavailableError)
    assert.match(error.message, message)
    return true
  }
}

test('work runs on a connection, its outcome comes back and the connection is kept', async () => {
  const { driver, clock, pool } = bench(2)
  assert.equal(await pool.run(1_000, async ({ id }) => `on ${id}`), 'on 1')
  assert.equal(await pool.run(1_000, async ({ id }) => `on ${id}`), 'on 1')
  assert.deepEqual([driver.idle.length, driver.discarded.length, clock.pending()], [1, 0, 0])
})

test('an error the connection survives passes, and the connection is kept', async () => {
  const { driver, pool } = bench(1)
  const failure = new Error('duplicate key')
  await assert.rejects(
    pool.run(1_000, () => Promise.reject(failure)),
    (error) => error === failure,
  )
  assert.deepEqual([driver.idle.length, driver.discarded.length], [1, 0])
})

test('an error the connection does not survive passes, and the connection is closed', async () => {
  const { driver, pool } = bench(1)
  await assert.rejects(
    pool.run(1_000, () => Promise.reject(dead)),
    (error) => error === dead,
  )
  assert.deepEqual([driver.idle.length, driver.discarded.length], [0, 1])
  assert.equal(pool.stats().discarded, 1)
})

test('a driver that cannot connect says so, and nothing is counted as lent', async () => {
  const { driver, pool, clock } = bench(1)
  driver.isReachable = false
  const refused = assert.rejects(pool.run(1_000, done), /refused/)
  driver.queue.shift()?.reject(new Error('refused'))
  await refused
  const { inUse, waiting, acquired, acquireTimeouts } = pool.stats()
  assert.deepEqual([inUse, waiting, acquired, acquireTimeouts, clock.pending()], [0, 0, 0, 0, 0])
})

test('waiting for a connection ends at three quarters of the limit', async () => {
  const { clock, pool } = bench(1)
  const holder = held()
  const holding = pool.run(10_000, holder.work)
  const waiting = watched(pool.run(1_000, done))
  await clock.advance(749)
  assert.equal(waiting.status(), undefined)
  await clock.advance(1)
  assert.equal(waiting.status(), 'rejected')
  holder.end()
  await holding
})

test('who waited in vain is told how many connections there are, and how many are in use', async () => {
  const { clock, pool } = bench(2)
  const holders = [held(), held()]
  const holding = holders.map(({ work }) => pool.run(10_000, work))
  const rejected = assert.rejects(
    pool.run(1_000, done),
    unavailable(/^no connection to the test store within 750 ms: 2 of 2 are in use$/),
  )
  await clock.advance(1_000)
  await rejected
  for (const { end } of holders) end()
  await Promise.all(holding)
})

test('another time to wait is kept, also one longer than the work may take', async () => {
  const { clock, pool } = bench(1)
  const holder = held()
  const holding = pool.run(100_000, holder.work)
  const waiting = watched(pool.run(1_000, done, 30_000))
  await clock.advance(29_999)
  assert.equal(waiting.status(), undefined)
  await clock.advance(1)
  assert.equal(waiting.status(), 'rejected')
  holder.end()
  await holding
})

test('a connection that gets free in time goes to who waits', async () => {
  const { clock, pool } = bench(1)
  const holder = held()
  const holding = pool.run(10_000, holder.work)
  const waiting = pool.run(1_000, done)
  await clock.advance(700)
  holder.end()
  assert.deepEqual(await Promise.all([holding, waiting]), ['done', 'done'])
  assert.equal(clock.pending(), 0)
})

test('waiting and working together take no longer than the limit', async () => {
  const { clock, pool } = bench(1)
  const holder = held()
  const holding = pool.run(10_000, holder.work)
  const slow = watched(pool.run(1_000, never))
  await clock.advance(700)
  holder.end()
  await holding
  await clock.advance(299)
  assert.equal(slow.status(), undefined)
  await clock.advance(1)
  assert.equal(slow.status(), 'rejected')
})

test('work that is not done in time is given up, and its connection is closed at once', async () => {
  const { driver, clock, pool } = bench(1)
  const rejected = assert.rejects(pool.run(1_000, never), unavailable(/^the test store did not answer within 1000 ms$/))
  await clock.advance(1_000)
  await rejected
  assert.deepEqual([driver.lent.size, driver.idle.length, driver.discarded.length], [0, 0, 1])
})

for (const [how, end] of [
  ['works after all', (holder) => holder.end()],
  ['fails with an error connections survive', (holder) => holder.fail(new Error('duplicate key'))],
] as [string, (holder: ReturnType<typeof held>) => void][]) {
  test(`a connection whose work took too long stays closed when that ${how}`, async () => {
    const { driver, clock, pool } = bench(1)
    const holder = held()
    const late = watched(pool.run(1_000, holder.work))
    await clock.advance(1_000)
    assert.equal(late.status(), 'rejected')
    end(holder)
    await clock.advance(0)
    assert.deepEqual([driver.lent.size, driver.idle.length, driver.discarded.length], [0, 0, 1])
  })
}

test('a connection that comes too late is given back, not lost', async () => {
  const { driver, clock, pool } = bench(1)
  driver.isReachable = false
  const waiting = watched(pool.run(1_000, done))
  await clock.advance(1_000)
  assert.equal(waiting.status(), 'rejected')
  driver.serve()
  await clock.advance(0)
  assert.deepEqual([driver.lent.size, driver.idle.length, driver.discarded.length], [0, 1, 0])
  driver.isReachable = true
  assert.equal(await pool.run(1_000, done), 'done')
})

test('a connection got while the event loop stood still for too long is not begun with', async () => {
  const driver = new FakeDriverPool(1)
  driver.isReachable = false
  let now = 0
  const clock = { monotonic: () => now, wall: () => now, setTimer: () => ({ cancel: () => {} }) }
  const pool = new SqlPool(driver, 'test', clock)
  let isBegun = false
  const rejected = assert.rejects(
    pool.run(1_000, async () => {
      isBegun = true
    }),
    unavailable(/no connection/),
  )
  now = 751
  driver.serve()
  await rejected
  assert.deepEqual([isBegun, driver.lent.size, driver.idle.length], [false, 0, 1])
})

test('200 at once on 2 connections that hang are all answered in time, and the pool recovers', async () => {
  const { driver, clock, pool } = bench(2)
  const all = Array.from({ length: 200 }, () => watched(pool.run(1_000, never)))
  await clock.advance(750)
  assert.equal(all.filter(({ status }) => status() === 'rejected').length, 198)
  await clock.advance(250)
  assert.equal(all.filter(({ status }) => status() === 'rejected').length, 200)
  assert.equal(driver.discarded.length, 2)
  const again = await Promise.all(Array.from({ length: 200 }, () => pool.run(1_000, done)))
  assert.equal(again.length, 200)
  assert.deepEqual([driver.lent.size, driver.open(), pool.stats().inUse, pool.stats().waiting], [0, 2, 0, 0])
})

test('a connection that hangs costs no more than itself: the others go on', async () => {
  const { clock, pool } = bench(2)
  const hanging = watched(pool.run(1_000, never))
  for (let i = 0; i < 50; i++) assert.equal(await pool.run(1_000, done), 'done')
  assert.equal(hanging.status(), undefined)
  await clock.advance(1_000)
  assert.equal(pool.stats().discarded, 1)
})

test('connections are opened ahead of their first use', async () => {
  const { driver, pool } = bench(5)
  await pool.open(3, 1_000)
  assert.deepEqual([driver.idle.length, driver.lent.size, pool.stats().inUse], [3, 0, 0])
})

test('a connection opened ahead is free before the others are there', async () => {
  const { driver, clock, pool } = bench(2)
  driver.isReachable = false
  const opening = assert.rejects(pool.open(2, 1_000), /refused/)
  const slow = driver.queue.pop()
  driver.serve()
  await clock.advance(0)
  assert.deepEqual([driver.idle.length, driver.lent.size], [1, 0])
  slow?.reject(new Error('refused'))
  await opening
})

test('opening ahead fails with what the driver says and keeps no connection lent', async () => {
  const { driver, pool } = bench(2)
  driver.isReachable = false
  const rejected = assert.rejects(pool.open(2, 1_000), /refused/)
  driver.queue.pop()?.reject(new Error('refused'))
  driver.serve()
  await rejected
  assert.deepEqual([driver.idle.length, driver.lent.size, pool.stats().inUse], [1, 0, 0])
})

test('closing sends home who waits, at once', async () => {
  const { clock, pool } = bench(1)
  const holder = held()
  const holding = pool.run(10_000, holder.work)
  await clock.advance(0)
  const rejected = assert.rejects(pool.run(1_000, done), (error) => hasCode(error, 'ERR_CLOSED'))
  const closing = pool.close(1_000)
  await rejected
  assert.equal(pool.stats().waiting, 0)
  holder.end()
  await Promise.all([holding, closing])
  assert.equal(clock.pending(), 0)
})

test('closing lets work end before the driver closes', async () => {
  const { driver, clock, pool } = bench(2)
  const holders = [held(), held()]
  const holding = holders.map(({ work }) => pool.run(10_000, work))
  await clock.advance(0)
  const closing = pool.close(1_000)
  holders[0]?.end()
  await clock.advance(0)
  assert.equal(driver.closings, 0)
  holders[1]?.end()
  assert.deepEqual(await Promise.all(holding), ['done', 'done'])
  await closing
  assert.deepEqual([driver.closings, driver.discarded.length, clock.pending()], [1, 0, 0])
})

test('closing hangs up on work that may take longer than its grace', async () => {
  const { driver, clock, pool } = bench(2)
  const hanging = watched(pool.run(30_000, never))
  await clock.advance(0)
  const closing = watched(pool.close(1_000))
  await clock.advance(999)
  assert.deepEqual([hanging.status(), closing.status()], [undefined, undefined])
  await clock.advance(1)
  assert.deepEqual([hanging.status(), closing.status()], ['rejected', 'fulfilled'])
  assert.deepEqual([driver.closings, driver.lent.size, driver.discarded.length, clock.pending()], [1, 0, 1, 0])
})

test('who is hung up on is told that the store is closed', async () => {
  const { clock, pool } = bench(1)
  const rejected = assert.rejects(pool.run(30_000, never), (error) => hasCode(error, 'ERR_CLOSED'))
  await clock.advance(0)
  const closing = pool.close(1_000)
  await clock.advance(1_000)
  await Promise.all([rejected, closing])
})

test('closing twice closes the driver once, and nothing can be run any more', async () => {
  const { driver, pool } = bench(1)
  await Promise.all([pool.close(1_000), pool.close(1_000)])
  await pool.close(1_000)
  assert.equal(driver.closings, 1)
  await assert.rejects(pool.run(1_000, done), (error) => hasCode(error, 'ERR_CLOSED'))
  assert.equal(driver.queue.length, 0)
})

test('a connection that comes after the end is closed', async () => {
  const { driver, clock, pool } = bench(1)
  driver.isReachable = false
  const waiting = watched(pool.run(1_000, done))
  await pool.close(1_000)
  driver.serve()
  await clock.advance(0)
  assert.equal(waiting.status(), 'rejected')
  assert.deepEqual([driver.lent.size, driver.idle.length, driver.discarded.length], [0, 0, 1])
})

test('the statistics say what is under way and add up what was', async () => {
  const { clock, pool } = bench(2)
  const none = { inUse: 0, waiting: 0, acquired: 0, acquireTimeouts: 0, discarded: 0 }
  assert.deepEqual(pool.stats(), { max: 2, open: 0, ...none })
  const all = Array.from({ length: 5 }, () => watched(pool.run(1_000, never)))
  await clock.advance(0)
  assert.deepEqual(pool.stats(), { max: 2, open: 2, ...none, inUse: 2, waiting: 3, acquired: 2 })
  await clock.advance(1_000)
  assert.equal(
    all.every(({ status }) => status() === 'rejected'),
    true,
  )
  // Open: what the driver had begun for those who did not wait any longer.
  assert.deepEqual(pool.stats(), { max: 2, open: 1, ...none, acquired: 2, acquireTimeouts: 3, discarded: 2 })
})

test('after 10,000 operations that end in every way no connection is lost and no timer is left', async () => {
  const kind = fc.constantFrom('works', 'fails', 'breaks', 'hangs', 'is slow')
  const plan = fc.array(fc.record({ kind, pauseMs: fc.integer({ min: 0, max: 400 }) }), {
    minLength: 100,
    maxLength: 100,
  })
  await fc.assert(
    fc.asyncProperty(plan, fc.integer({ min: 1, max: 4 }), async (operations, max) => {
      const { driver, clock, pool } = bench(max)
      const work = (how: string): Promise<unknown> => {
        if (how === 'works') return done()
        if (how === 'fails') return Promise.reject(new Error('duplicate key'))
        if (how === 'breaks') return Promise.reject(dead)
        if (how === 'hangs') return never()
        return new Promise((resolve) => void clock.setTimer(() => resolve('slow'), 600))
      }
      const all = []
      for (const operation of operations) {
        all.push(watched(pool.run(1_000, () => work(operation.kind))))
        if (operation.pauseMs > 350) await clock.advance(operation.pauseMs)
      }
      await clock.advance(2_000)
      const { acquired, acquireTimeouts, inUse, waiting } = pool.stats()
      assert.equal(all.filter(({ status }) => status() === undefined).length, 0)
      assert.equal(acquired + acquireTimeouts, operations.length)
      assert.deepEqual([inUse, waiting, driver.lent.size, driver.queue.length, clock.pending()], [0, 0, 0, 0, 0])
      assert.equal(await pool.run(1_000, done), 'done')
    }),
    { numRuns: 100 },
  )
})
