/** The column 'its process is killed' of docs/stores.md. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Store } from '../../src/cache/store.ts'
import { isSallyportError } from '../../src/shared/errors.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import type { ServerKind } from '../support/servers/kinds.ts'
import { startServer } from '../support/servers/server.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'
import { operationTimeoutMs, recoveryOf } from './trial.ts'

interface Row {
  kind: ServerKind
  setUp: string
  config?: readonly string[]
  open(url: string): Store
  /** `none`: not one may be there any more; `some`: the last may be missing. */
  keeps: 'all' | 'some' | 'none'
}

const writers = 8
const entry = { value: new Uint8Array([48]), lifetime: { idleMs: 3_600_000 } }
const { logger } = recordingLogger()

const mysqlAt = (connectionString: string): Store => mysqlStore({ connectionString, operationTimeoutMs, logger })
const redisAt = (url: string): Store => redisStore({ url, operationTimeoutMs, logger })
const postgresAt = (connectionString: string, unlogged: boolean = false): Store =>
  postgresStore({ connectionString, unlogged, operationTimeoutMs, logger })
const hasty = '?options=-c%20synchronous_commit%3Doff'

const rows: readonly Row[] = [
  { kind: 'postgres', setUp: 'as it comes', open: (url) => postgresAt(url), keeps: 'all' },
  {
    kind: 'postgres',
    setUp: 'synchronous_commit off',
    config: ['wal_writer_delay = 10s'],
    open: (url) => postgresAt(`${url}${hasty}`),
    keeps: 'some',
  },
  { kind: 'postgres', setUp: 'unlogged', open: (url) => postgresAt(url, true), keeps: 'none' },
  {
    kind: 'mariadb',
    setUp: 'innodb_flush_log_at_trx_commit = 1',
    config: ['innodb_flush_log_at_trx_commit = 1'],
    open: mysqlAt,
    keeps: 'all',
  },
  {
    kind: 'mariadb',
    setUp: 'innodb_flush_log_at_trx_commit = 2',
    config: ['innodb_flush_log_at_trx_commit = 2'],
    open: mysqlAt,
    keeps: 'all',
  },
  {
    kind: 'redis',
    setUp: 'appendfsync always',
    config: ['appendonly yes', 'appendfsync always'],
    open: redisAt,
    keeps: 'all',
  },
  {
    kind: 'redis',
    setUp: 'appendfsync everysec',
    config: ['appendonly yes', 'appendfsync everysec'],
    open: redisAt,
    keeps: 'all',
  },
  { kind: 'redis', setUp: 'no persistence', config: ['save ""'], open: redisAt, keeps: 'none' },
]

const promises = {
  all: 'nothing is lost',
  some: 'no removed one is back',
  none: 'entries are gone, removed ones stay so',
}

for (const kind of ['postgres', 'mariadb', 'redis'] as const) {
  describe(`${kind} is killed while it writes`, { skip: whyNotTested(kind, 'own') }, () => {
    for (const row of rows.filter((each) => each.kind === kind))
      it(`${row.setUp}: ${promises[row.keeps]}`, (t) => killed(t, row))
  })
}

async function killed(t: TestContext, { kind, config = [], open, keeps }: Row): Promise<void> {
  const server = await startServer(kind, { config })
  t.after(() => server.stop())
  const store = open(server.url)
  t.after(() => store.close())
  await store.init({ maxStalenessMs: 1_000 })
  const before = await store.epochs([])
  const old = Array.from({ length: 2_000 }, (_, i) => `old-${i}`)
  await inTurns(old, (key) => store.create({ key, ...entry }))

  const created: string[] = []
  const removed: string[] = []
  let isKilled = false
  const writing = inTurns(old, async (key, i) => {
    if (isKilled) return
    await store.create({ key: `new-${i}`, ...entry })
    created.push(`new-${i}`)
    await store.remove({ key })
    removed.push(key)
  })
  while (removed.length < 200) await pause(1)
  await server.kill()
  isKilled = true
  const refusals = await writing
  await server.restart()
  await recoveryOf(store)

  const found = async (keys: readonly string[]): Promise<number> =>
    (await store.read(keys)).entries.filter((each) => each !== undefined).length
  const [kept, back] = [await found(created), await found(removed)]
  const after = await store.epochs([])
  t.diagnostic(
    `${kept} of ${created.length} created are there, ${back} of ${removed.length} removed; ${refusals} refused`,
  )
  assert.ok(refusals > 0, 'nothing was under way when it was killed')
  assert.equal(back, 0, 'removed entries are back')
  if (keeps === 'all') assert.equal(kept, created.length, 'created entries are lost')
  if (keeps === 'none') assert.equal(kept, 0, 'created entries are still there')
  const bumps = after.numbers.reduce((sum, n) => sum + n, 0)
  const isOther = after.incarnation !== before.incarnation
  assert.ok(isOther || bumps >= removed.length, 'it forgot removals and passes for the same')
}

/** Several at a time. Returns how many were refused. */
async function inTurns(keys: readonly string[], work: (key: string, i: number) => Promise<unknown>): Promise<number> {
  const turns = keys.entries()
  let refused = 0
  const writer = async (): Promise<void> => {
    for (const [i, key] of turns) {
      try {
        await work(key, i)
      } catch (error) {
        if (!isSallyportError(error) || error.code !== 'ERR_STORE_UNAVAILABLE') throw error
        refused++
      }
    }
  }
  await Promise.all(Array.from({ length: writers }, writer))
  return refused
}
