import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, hasCode, isSallyportError, StoreUnavailableError } from '../../shared/errors.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { ManualClock } from '../../testing/manual-clock.ts'
import { FakeDriverPool, held, watched } from '../../../test/support/fake-driver-pool.ts'
import type { FakeConnection } from '../../../test/support/fake-driver-pool.ts'
import { SqlDatabase } from './database.ts'
import type { DatabaseKind, DriverPools } from './database.ts'

const locked = new Error('locked')
const gone = new Error('a table is missing')
const operationTimeoutMs = 1_000
const acquireTimeoutMs = 30_000

/** A database that counts what is done to it. */
class FakeKind implements DatabaseKind<FakeConnection> {
  readonly name = 'test'
  readonly main = new FakeDriverPool(2)
  readonly poll = new FakeDriverPool(1)
  readonly counts = { opened: 0, looked: 0, made: 0 }
  /** What the tables say; absent where there are none. */
  promised: number | undefined
  opening: () => Promise<unknown> = done
  making: () => Promise<unknown> = done
  raising: () => Promise<unknown> = done

  async open(): Promise<DriverPools<FakeConnection>> {
    this.counts.opened++
    await this.opening()
    return { main: this.main, poll: this.poll, ahead: 0 }
  }

  async pending(): Promise<string[]> {
    this.counts.looked++
    return this.promised === undefined ? ['CREATE TABLE'] : []
  }

  async migrate(): Promise<void> {
    this.counts.made++
    await this.making()
    this.promised = 0
  }

  async raiseMaxStaleness(_: FakeConnection, maxStalenessMs: number): Promise<void> {
    await this.raising()
    this.promised = maxStalenessMs
  }

  isPassing(error: unknown): boolean {
    return error === locked
  }

  isOtherSchema(error: unknown): boolean {
    return error === gone
  }

  translated(error: unknown): unknown {
    return isSallyportError(error) ? error : new StoreUnavailableError('translated', { cause: error })
  }
}

interface Bench {
  kind: FakeKind
  clock: ManualClock
  database: SqlDatabase<FakeConnection>
}

function bench(): Bench {
  const kind = new FakeKind()
  const clock = manualClock()
  return { kind, clock, database: new SqlDatabase(kind, { clock, operationTimeoutMs, acquireTimeoutMs }) }
}

const done = async (): Promise<string> => 'done'
const never = (): Promise<never> => new Promise(() => {})

/** Fails so until it was tried `times` times. */
function failing(times: number, error: Error): () => Promise<string> {
  let tried = 0
  return () => (tried++ < times ? Promise.reject(error) : done())
}

function unavailable(message: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof StoreUnavailableError)
    assert.match(error.message, message)
    return true
  }
}

const isClosed = (error: unknown): boolean => hasCode(error, 'ERR_CLOSED')

test('nothing is opened before it is needed, nor to close', async () => {
  const { kind, database } = bench()
  assert.deepEqual(database.poolStats(), {})
  await database.close()
  assert.equal(kind.counts.opened, 0)
})

test('100 concurrent first requests open the pools, look at the tables and make them once', async () => {
  const { kind, database } = bench()
  const all = await Promise.all(Array.from({ length: 100 }, () => database.request(done)))
  assert.equal(all.length, 100)
  assert.deepEqual(kind.counts, { opened: 1, looked: 1, made: 1 })
})

test('tables that are there are not made', async () => {
  const { kind, database } = bench()
  kind.promised = 0
  assert.equal(await database.request(done), 'done')
  assert.deepEqual(kind.counts, { opened: 1, looked: 1, made: 0 })
})

test('tables that went are made again by the next request, with the promise they held', async () => {
  const { kind, database } = bench()
  await database.init(5_000)
  kind.promised = undefined
  await assert.rejects(database.request(() => Promise.reject(gone)))
  assert.equal(await database.request(done), 'done')
  assert.deepEqual([kind.counts, kind.promised], [{ opened: 1, looked: 2, made: 2 }, 5_000])
})

test('a preparing that outlives the time of a request fails that request only', async () => {
  const { kind, clock, database } = bench()
  const making = held()
  kind.making = making.work
  const early = assert.rejects(database.request(done), unavailable(/^the tables of the test store .* within 1000 ms$/))
  const patient = watched(database.background(done))
  await clock.advance(1_000)
  await early
  const late = database.request(done)
  await clock.advance(900)
  assert.equal(patient.status(), undefined)
  making.end()
  assert.equal(await late, 'done')
  await clock.advance(0)
  assert.deepEqual([patient.status(), kind.counts.made], ['fulfilled', 1])
})

test('a preparing that failed fails who waited for it, translated, and is done again for the next', async () => {
  const { kind, database } = bench()
  kind.making = failing(1, new Error('the disk is full'))
  const both = await Promise.allSettled([database.request(done), database.poll(done)])
  for (const each of both) assert.ok(each.status === 'rejected' && each.reason.message === 'translated')
  assert.equal(await database.request(done), 'done')
  assert.equal(kind.counts.made, 2)
})

test('what others were in the way of is prepared again', async () => {
  const { kind, clock, database } = bench()
  kind.making = failing(3, locked)
  const request = database.request(done)
  await clock.advance(100)
  assert.equal(await request, 'done')
})

test('where the pools could not be opened they are opened for the next', async () => {
  const { kind, database } = bench()
  kind.opening = failing(1, new ConfigError('testStore', []))
  await assert.rejects(database.request(done), ConfigError)
  assert.equal(await database.request(done), 'done')
  assert.equal(kind.counts.opened, 2)
})

test('connections are opened ahead once the tables are ready', async () => {
  const { kind, clock, database } = bench()
  kind.open = async () => ({ main: kind.main, poll: kind.poll, ahead: 2 })
  await database.ready()
  await clock.advance(0)
  assert.equal(database.poolStats().pool?.open, 2)
})

test('waiting for the tables and working together take no longer than a request may', async () => {
  const { kind, clock, database } = bench()
  const making = held()
  kind.making = making.work
  const request = watched(database.request(never))
  await clock.advance(600)
  making.end()
  await clock.advance(399)
  assert.equal(request.status(), undefined)
  await clock.advance(1)
  assert.equal(request.status(), 'rejected')
})

test('a request that has to end earlier does', async () => {
  const { clock, database } = bench()
  await database.ready()
  const request = watched(database.request(never, clock.monotonic() + 300))
  await clock.advance(299)
  assert.equal(request.status(), undefined)
  await clock.advance(1)
  assert.equal(request.status(), 'rejected')
})

test('a request whose time is over is not begun', async () => {
  const { clock, database } = bench()
  await database.ready()
  let isBegun = false
  const work = async (): Promise<boolean> => (isBegun = true)
  await assert.rejects(database.request(work, clock.monotonic()), unavailable(/no time was left/))
  assert.equal(isBegun, false)
})

for (const how of ['request', 'background', 'poll'] as const) {
  test(`a unit that others were in the way of is made again: ${how}`, async () => {
    const { clock, database } = bench()
    const outcome = database[how](failing(3, locked))
    await clock.advance(100)
    assert.equal(await outcome, 'done')
  })

  test(`an error is translated: ${how}`, async () => {
    const { database } = bench()
    await assert.rejects(
      database[how](() => Promise.reject(new Error('broken'))),
      unavailable(/^translated$/),
    )
  })
}

test('background work has the time of background work', async () => {
  const { clock, database } = bench()
  await database.ready()
  const work = watched(database.background(never))
  await clock.advance(acquireTimeoutMs - 1)
  assert.equal(work.status(), undefined)
  await clock.advance(1)
  assert.equal(work.status(), 'rejected')
})

test('a poll is answered while requests keep every connection busy', async () => {
  const { clock, database } = bench()
  await database.ready()
  for (let i = 0; i < 5; i++) watched(database.request(never))
  await clock.advance(0)
  assert.equal(await database.poll(done), 'done')
})

test('the promise is raised, and never lowered', async () => {
  const { kind, database } = bench()
  const promises = []
  for (const maxStalenessMs of [1_000, 5_000, 500]) {
    await database.init(maxStalenessMs)
    promises.push(kind.promised)
  }
  assert.deepEqual(promises, [1_000, 5_000, 5_000])
})

test('a promise that is raised while the tables are prepared is in them when that resolves', async () => {
  const { kind, clock, database } = bench()
  const raising = held()
  kind.raising = raising.work
  const first = database.init(1_000)
  await clock.advance(0)
  const second = database.init(5_000)
  raising.end()
  await Promise.all([first, second])
  assert.equal(kind.promised, 5_000)
})

test('close sends home who waits for a connection, at once', async () => {
  const { clock, database } = bench()
  const holders = [held(), held()]
  const holding = holders.map(({ work }) => database.request(work))
  await clock.advance(0)
  const waiting = assert.rejects(database.request(done), isClosed)
  await clock.advance(0)
  const closing = database.close()
  await waiting
  for (const { end } of holders) end()
  await Promise.all([...holding, closing])
})

test('close wakes who pauses between two attempts, and no other is made', async () => {
  const { clock, database } = bench()
  await database.ready()
  let tried = 0
  const pausing = assert.rejects(
    database.request(() => {
      tried++
      return Promise.reject(locked)
    }),
    isClosed,
  )
  await clock.advance(0)
  await database.close()
  await pausing
  assert.deepEqual([tried, clock.pending()], [1, 0])
})

test('close lets work end that ends in time', async () => {
  const { clock, kind, database } = bench()
  await database.ready()
  const work = held()
  const sweeping = database.background(work.work)
  await clock.advance(0)
  const closing = database.close()
  await clock.advance(900)
  work.end()
  assert.equal(await sweeping, 'done')
  await closing
  assert.deepEqual([kind.main.discarded.length, clock.pending()], [0, 0])
})

for (const how of ['background', 'request', 'poll'] as const) {
  test(`close hangs up after the time of a request on what does not end: ${how}`, async () => {
    const { clock, kind, database } = bench()
    await database.ready()
    const hanging = assert.rejects(database[how](never), isClosed)
    await clock.advance(0)
    const closing = watched(database.close())
    await clock.advance(operationTimeoutMs)
    await hanging
    assert.equal(closing.status(), 'fulfilled')
    assert.deepEqual([kind.main.closings, kind.poll.closings, clock.pending()], [1, 1, 0])
  })
}

test('close hangs up on a preparing that does not end', async () => {
  const { clock, kind, database } = bench()
  kind.making = never
  const patient = assert.rejects(database.background(done), isClosed)
  await clock.advance(0)
  const closing = watched(database.close())
  await clock.advance(operationTimeoutMs)
  await patient
  assert.equal(closing.status(), 'fulfilled')
})

test('close while the pools are being opened closes them, and nothing is prepared', async () => {
  const { clock, kind, database } = bench()
  const opening = held()
  kind.opening = opening.work
  const rejected = assert.rejects(database.request(done), isClosed)
  await clock.advance(0)
  const closing = database.close()
  opening.end()
  await Promise.all([rejected, closing])
  assert.deepEqual([kind.main.closings, kind.poll.closings, kind.counts.made], [1, 1, 0])
})

test('after close everything is refused, and closing again does nothing', async () => {
  const { kind, database } = bench()
  await database.ready()
  await Promise.all([database.close(), database.close()])
  const work = [database.init(1_000), database.ready(), database.request(done), database.background(done)]
  for (const each of [...work, database.poll(done)]) await assert.rejects(each, isClosed)
  assert.deepEqual([kind.main.closings, kind.counts.opened], [1, 1])
})

test('what fails because of close says so, whatever the driver says', async () => {
  const { clock, database } = bench()
  await database.ready()
  const work = held()
  const cut = assert.rejects(database.request(work.work), isClosed)
  await clock.advance(0)
  const closing = database.close()
  work.fail(new Error('the connection was lost'))
  await Promise.all([cut, closing])
})
