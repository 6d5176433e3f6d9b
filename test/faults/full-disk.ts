/** One store on a disk that fills up, in a process that `onSmallDisk` started: prints what it saw, or ends with an error. */
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { Client } from 'pg'
import type { Store } from '../../src/cache/store.ts'
import { hasCode } from '../../src/shared/errors.ts'
import type { SallyportError } from '../../src/shared/errors.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { eventually } from '../support/eventually.ts'
import type { ServerKind } from '../support/servers/kinds.ts'
import { startServer } from '../support/servers/server.ts'
import type { TestServer } from '../support/servers/server.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { fillDisk } from '../support/small-disk.ts'
import { hidden, told } from '../support/told.ts'
import { Ledger } from './ledger.ts'
import { operationTimeoutMs, patienceMs, recoveryOf, within } from './trial.ts'

interface Trial {
  kind: ServerKind
  config: readonly string[]
  open(url: string): Store
  /** What writes are refused with while reads go on. */
  says?: RegExp
  /** Brings the server to its end on the full disk, where it does not come to it by itself. */
  finish?(server: TestServer): Promise<unknown>
}

const { logger, lines } = recordingLogger()
const postgres = {
  kind: 'postgres',
  config: ['max_wal_size = 32MB', 'min_wal_size = 32MB', 'shared_buffers = 4MB'],
  open: (connectionString: string) => postgresStore({ connectionString, operationTimeoutMs, logger }),
} as const
const redis = { kind: 'redis', open: (url: string) => redisStore({ url, operationTimeoutMs, logger }) } as const

const trials: Record<string, Trial> = {
  postgres: { ...postgres, says: /the disk of PostgreSQL is full/ },
  'postgres-log': {
    ...postgres,
    async finish({ url }) {
      const client = new Client({ connectionString: url })
      client.on('error', () => {})
      await client.connect()
      await assert.rejects(async () => {
        for (;;) await client.query(`SELECT pg_switch_wal(), pg_logical_emit_message(true, '', '')`)
      })
    },
  },
  mariadb: {
    kind: 'mariadb',
    config: ['innodb_log_file_size = 8M', 'innodb_buffer_pool_size = 16M'],
    open: (connectionString) => mysqlStore({ connectionString, operationTimeoutMs, logger }),
    says: /is the disk of the database full|the disk of the database is full/,
  },
  redis: { ...redis, config: ['appendonly yes', 'appendfsync everysec'], says: /cannot save to its disk/ },
  'redis-always': { ...redis, config: ['appendonly yes', 'appendfsync always'] },
}

const [name = ''] = process.argv.slice(2)
console.log(`${name}: ${await endure(trials[name]!)}`)

async function endure({ kind, config, open, says, finish }: Trial): Promise<string> {
  const server = await startServer(kind, { config })
  const store = open(server.url)
  const said = told()
  try {
    await within(10_000, () => store.init({ maxStalenessMs: 1_000 }))
    const ledger = new Ledger(store)
    assert.equal((await ledger.use(300)).refusals, 0, 'it did not work before')
    await store.create(entryOf('present', 10))

    const makeRoom = await fillDisk()
    const account = await ledger.use(500)
    if (says === undefined) {
      await finish?.(server)
      await eventually(
        () => isRunning(server),
        (runs) => !runs,
      )
    } else {
      // One may wait too long for the server to find out.
      await eventually(
        async () => {
          const error = await refusalOf(store)
          said.add('a write', error)
          return error.message
        },
        (message) => says.test(message),
      )
      assert.equal((await store.read(['present'])).entries[0]?.key, 'present')
    }
    const worst = Math.max(account.worstMs, (await ledger.use(300)).worstMs)
    assert.ok(worst < operationTimeoutMs + patienceMs, `an operation took ${worst} ms`)

    await makeRoom()
    if (says === undefined) await server.restart()
    const recovered = await recoveryOf(store)
    assert.equal((await ledger.use(200)).refusals, 0, 'it does not work after')
    await ledger.check()
    await server.kill()
    await server.restart()
    await recoveryOf(store)
    await ledger.check()
    said.add('the log', lines)
    said.check()
    return `${account.answers} answered, ${account.refusals} refused, worst ${Math.round(worst)} ms of ${operationTimeoutMs}, recovered after ${Math.round(recovered)} ms`
  } finally {
    await store.close()
    await server.stop()
  }
}

/** The first ones may find room in what the server has already. No larger than sessions: on many large ones MariaDB ends itself. */
async function refusalOf(store: Store): Promise<SallyportError> {
  try {
    for (;;) await store.create(entryOf(`${hidden.key}-${randomUUID()}`, 3_000))
  } catch (error) {
    assert.ok(hasCode(error, 'ERR_STORE_UNAVAILABLE'), String(error))
    return error
  }
}

function entryOf(key: string, bytes: number): Parameters<Store['create']>[0] {
  // Random, or a server would find out how little it is.
  const value = Buffer.concat([Buffer.from(hidden.value), randomBytes(bytes)])
  return { key, value, lifetime: { idleMs: 3_600_000 } }
}

function isRunning(server: TestServer): boolean {
  try {
    return server.pid > 0
  } catch {
    return false
  }
}
