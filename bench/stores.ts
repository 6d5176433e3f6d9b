import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '../src/cache/store.ts'
import { mysqlStore } from '../src/stores/mysql.ts'
import { postgresStore } from '../src/stores/postgres.ts'
import { redisStore } from '../src/stores/redis.ts'
import { sqliteStore } from '../src/stores/sqlite.ts'
import { startServer } from '../test/support/servers/server.ts'
import { report, type Row } from './report.ts'
import { oursOver } from './stores/contestant.ts'
import type { Contestant } from './stores/contestant.ts'
import { measure } from './stores/measure.ts'
import type { Figures } from './stores/measure.ts'
import { rawMysql, rawPostgres, rawRedis, rawSqlite } from './stores/raw.ts'
import { deletesPerSecond, revokesPerSecond } from './stores/revokes.ts'
import { measureTiers } from './stores/tiers.ts'

/*
 * Stores beside their raw drivers, on real servers of this machine with their own settings for what reaches the disk
 * when. 2,048 values of 3 KB; everybody in turns, in one process. The servers share the cores with their clients.
 */
const quick = process.argv.includes('--quick')
const plan = quick ? { rounds: 1, roundMs: 100, sessions: 1_000 } : { rounds: 5, roundMs: 300, sessions: 10_000 }
const keys = Array.from({ length: 2_048 }, (_, i) => `session:${String(i).padStart(43, 'k')}`)
const value = new Uint8Array(3_000).map((_, i) => (i * 31) % 251)

const directory = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
const [postgres, mariadb, redis] = await Promise.all(
  (['postgres', 'mariadb', 'redis'] as const).map((kind) => startServer(kind, { durable: true })),
)
const database = join(directory, 'ours.db')
const limits = { operationTimeoutMs: 20_000, cleanupIntervalSec: 0 }

/** Each store with its raw driver, and how to open it: another `label` is another table or prefix. */
const stores: Record<string, { raw: string; open: (label: string, push?: boolean) => Store; pushes: boolean }> = {
  redis: {
    raw: 'raw.redis',
    open: (label, push = true) =>
      redisStore({ url: redis!.url, keyPrefix: `${label}:`, operationTimeoutMs: limits.operationTimeoutMs, push }),
    pushes: true,
  },
  postgres: {
    raw: 'raw.pg',
    open: (label, push = true) => postgresStore({ connectionString: postgres!.url, tableName: label, push, ...limits }),
    pushes: true,
  },
  'postgres-unlogged': {
    raw: 'raw.pg-unlogged',
    open: (label, push = true) =>
      postgresStore({ connectionString: postgres!.url, tableName: `${label}_u`, unlogged: true, push, ...limits }),
    pushes: true,
  },
  mysql: {
    raw: 'raw.mysql2',
    open: (label) => mysqlStore({ connectionString: mariadb!.url, tableName: label, ...limits }),
    pushes: false,
  },
  sqlite: {
    raw: 'raw.sqlite',
    open: (label) => sqliteStore({ path: database, tableName: label, ...limits }),
    pushes: false,
  },
}

const raws: Record<string, Contestant> = {
  'raw.redis': await rawRedis('raw.redis', redis!.url),
  'raw.redis.mget': await rawRedis('raw.redis.mget', redis!.url, { mget: true }),
  'raw.pg': await rawPostgres('raw.pg', postgres!.url, false),
  'raw.pg-unlogged': await rawPostgres('raw.pg-unlogged', postgres!.url, true),
  'raw.mysql2': await rawMysql('raw.mysql2', mariadb!.url),
  'raw.sqlite': rawSqlite('raw.sqlite', join(directory, 'raw.db')),
}
const ours: Contestant[] = []
for (const [name, { raw, open }] of Object.entries(stores)) ours.push(await oursOver(name, raw, open('bench_get')))

const figuresOfAll = [...(await latencyRows()), ...(await tierRows()), ...(await revokeRows())]
for (const { close } of [...ours, ...Object.values(raws)]) await close()
await Promise.all([postgres, mariadb, redis].map((server) => server!.stop()))
rmSync(directory, { recursive: true })
report({ name: 'stores', rows: figuresOfAll }, process.argv)

async function latencyRows(): Promise<Row[]> {
  const contestants = [...Object.values(raws), ...ours]
  for (const { fill } of contestants) await fill(keys, value)
  const figures = await measure(contestants, { keys, value, ...plan })
  const mget = figures.get('raw.redis.mget')!
  return [
    ...Object.keys(raws)
      .filter((name) => name !== 'raw.redis.mget')
      .flatMap((name) => rowsOf(name, figures.get(name)!)),
    { id: 'raw.redis.mget.at64', value: mget.at64.get, unit: 'ops/s' },
    ...ours.flatMap(({ name, versus }) => wanted(rowsOf(name, figures.get(name)!, versus), versus!, figures)),
    ...['postgres', 'mysql'].map((name) => besideMget(name, figures)),
  ]
}

function rowsOf(name: string, { get, write, at64 }: Figures, versus?: string): Row[] {
  const row = (id: string, figure: number, unit: string): Row => ({
    id: `${name}.${id}`,
    value: figure,
    unit,
    ...(versus === undefined ? {} : { versus: `${versus}.${id}` }),
  })
  return [
    row('get.p50', get.p50, 'µs'),
    row('get.p99', get.p99, 'µs'),
    row('get.at64', at64.get, 'ops/s'),
    row('write.p50', write.p50, 'µs'),
    row('write.p99', write.p99, 'µs'),
    row('write.at64', at64.write, 'ops/s'),
  ]
}

/** A latency should not be much above the driver's, a throughput not much below it; batched reads far above it. */
function wanted(rows: readonly Row[], versus: string, figures: Map<string, Figures>): Row[] {
  const raw = rowsOf(versus, figures.get(versus)!)
  return rows.map((row, i) => {
    const ratio = row.value / raw[i]!.value
    if (row.id.endsWith('get.p50')) return { ...row, wanted: '<= 1.3', ok: ratio <= 1.3 }
    if (!row.id.endsWith('at64')) return row
    const least = /^(postgres|mysql)\S*\.get/.test(row.id) ? 1.8 : 0.8
    return { ...row, wanted: `>= ${least}`, ok: ratio >= least }
  })
}

function besideMget(name: string, figures: Map<string, Figures>): Row {
  const ratio = figures.get(name)!.at64.get / figures.get('raw.redis.mget')!.at64.get
  const row = { id: `${name}.get.at64.beside-mget`, value: figures.get(name)!.at64.get, unit: 'ops/s' }
  return { ...row, versus: 'raw.redis.mget.at64', wanted: '>= 0.75', ok: ratio >= 0.75 }
}

async function tierRows(): Promise<Row[]> {
  const all: Row[] = []
  for (const [name, { open }] of Object.entries(stores)) {
    const { oneTier, twoTier, coldStart } = await measureTiers(() => open('bench_tiers'), plan.sessions)
    all.push(
      { id: `${name}.one-tier.p50`, value: oneTier, unit: 'µs' },
      { id: `${name}.two-tier.p50`, value: twoTier, unit: 'µs', versus: `${name}.one-tier.p50` },
      { id: `${name}.one-by-one`, value: coldStart.oneByOneMs, unit: 'ms' },
      { id: `${name}.cold-start`, value: coldStart.ms, unit: 'ms', versus: `${name}.one-by-one` },
      { id: `${name}.cold-start.round-trips`, value: coldStart.roundTrips, unit: `for ${plan.sessions}` },
    )
  }
  return all
}

async function revokeRows(): Promise<Row[]> {
  const all: Row[] = []
  for (const [name, { raw, open, pushes }] of Object.entries(stores)) {
    const deletes = await deletesPerSecond(raws[raw]!, `${name}-delete`)
    all.push({ id: `${name}.raw-delete.at32`, value: deletes, unit: 'ops/s' })
    for (const push of pushes ? [true, false] : [false]) {
      const store = open('bench_revoke', push)
      const id = `${name}.revoke${pushes && !push ? '-without-push' : ''}.at32`
      all.push({ id, value: await revokesPerSecond(store, id), unit: 'ops/s', versus: `${name}.raw-delete.at32` })
      await store.close()
    }
  }
  return all
}
