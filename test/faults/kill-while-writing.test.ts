/** The column 'its process is killed' of docs/stores.md. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Store } from '../../src/cache/store.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import type { ServerKind } from '../support/servers/kinds.ts'
import { startServer } from '../support/servers/server.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'
import { Ledger } from './ledger.ts'
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
const { logger } = recordingLogger()

const mysqlAt = (connectionString: string): Store => mysqlStore({ connectionString, operationTimeoutMs, logger })
const redisAt = (url: string): Store => redisStore({ url, operationTimeoutMs, logger })
const postgresAt = (connectionString: string, unlogged: boolean = false): Store =>
  postgresStore({ connectionString, unlogged, operationTimeoutMs, logger })
const hasty = '?options=-c%20synchronous_commit%3Doff'

const rows: readonly Row[] = [
  { kind: 'postgres', setUp: 'as it comes', open: (url) => postgresAt(url), keeps: 'all' },
  { kind: 'postgres', setUp: 'synchronous_commit off', open: (url) => postgresAt(`${url}${hasty}`), keeps: 'some' },
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
  some: 'no removal is lost',
  none: 'entries are gone, and no removed one is back',
}

for (const kind of ['postgres', 'mariadb', 'redis'] as const) {
  describe(`${kind} is killed while it writes`, { skip: whyNotTested(kind, 'own') }, () => {
    for (const row of rows.filter((it) => it.kind === kind))
      it(`${row.setUp}: ${promises[row.keeps]}`, (t) => killed(t, row))
  })
}

async function killed(t: TestContext, { kind, config = [], open, keeps }: Row): Promise<void> {
  const server = await startServer(kind, { config })
  t.after(() => server.stop())
  const store = open(server.url)
  t.after(() => store.close())
  await store.init({ maxStalenessMs: 1_000 })
  // The first thing that it is asked to keep, so the least that can be lost of any delay.
  await store.create({ key: 'oldest', value: new Uint8Array([48]), lifetime: { idleMs: 3_600_000 } })

  const ledger = new Ledger(store)
  await ledger.use(200, 1)
  const writing = ledger.use(600, writers)
  await pause(300)
  await server.kill()
  const { answers, refusals } = await writing
  assert.ok(refusals > 0, 'it was killed after the writing')
  await server.restart()
  await recoveryOf(store)

  await ledger.check({ mayLoseEntries: keeps !== 'all' })
  const { entries } = await store.read(['oldest'])
  if (keeps === 'none') assert.equal(entries[0], undefined, 'something of before is still there')
  t.diagnostic(`${answers} answered around the kill, ${refusals} refused`)
}
