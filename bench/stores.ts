import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '../src/cache/store.ts'
import { mysqlStore } from '../src/stores/mysql.ts'
import { postgresStore } from '../src/stores/postgres.ts'
import { redisStore } from '../src/stores/redis.ts'
import { sqliteStore } from '../src/stores/sqlite.ts'
import { seededRandom } from '../test/support/seeded-random.ts'
import { startServer } from '../test/support/servers/server.ts'
import { SessionTexts } from '../test/support/session-shapes.ts'
import { report, type Row } from './report.ts'
import { batchedMysql, batchedPostgres, batchedRedis, measureBatched } from './stores/batched.ts'
import { oursOver } from './stores/contestant.ts'
import type { Contestant } from './stores/contestant.ts'
import { measure } from './stores/measure.ts'
import type { Figures } from './stores/measure.ts'
import { rawMysql, rawPostgres, rawRedis, rawSqlite } from './stores/raw.ts'
import { deletesPerSecond, revokesPerSecond } from './stores/revokes.ts'
import { measureTiers } from './stores/tiers.ts'

/*
 * Stores beside their raw drivers, on real servers of this machine with their own settings for what reaches the disk
 * when. 2,048 sessions of 3 KB; everybody in turns, in one process. The servers share the cores with their clients.
 */
const quick = process.argv.includes('--quick')
const plan = quick ? { rounds: 1, roundMs: 100, sessions: 1_000 } : { rounds: 5, roundMs: 300, sessions: 10_000 }
const keys = Array.from({ length: 2_048 }, (_, i) => `session:${String(i).padStart(43, 'k')}`)
const value = new SessionTexts(['typical'], seededRandom(1), 1).text(0)

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
  'raw.pg': await rawPostgres('raw.pg', postgres!.url, false),
  'raw.pg-unlogged': await rawPostgres('raw.pg-unlogged', postgres!.url, true),
  'raw.mysql2': await rawMysql('raw.mysql2', mariadb!.url),
  'raw.sqlite': rawSqlite('raw.sqlite', join(directory, 'raw.db')),
}
const ours: Contestant[] = []
for (const [name, { raw, open }] of Object.entries(stores)) ours.push(await oursOver(name, raw, open('bench_get')))

const batched = [
  await batchedRedis('raw.redis.mget', redis!.url),
  await batchedPostgres('raw.pg.batched', postgres!.url),
  await batchedMysql('raw.mysql2.batched', mariadb!.url),
]
/** Stores whose reads are statements, and the drivers batched by hand beside them. */
const byHand = { postgres: 'raw.pg.batched', mysql: 'raw.mysql2.batched' }

const figuresOfAll = [
  ...(await latencyRows()),
  ...(await batchedRows()),
  ...(await tierRows()),
  ...(await revokeRows()),
]
for (const { close } of [...ours, ...batched, ...Object.values(raws)]) await close()
await Promise.all([postgres, mariadb, redis].map((server) => server!.stop()))
rmSync(directory, { recursive: true })
report({ name: 'stores', rows: figuresOfAll }, process.argv)

async function latencyRows(): Promise<Row[]> {
  const contestants = [...Object.values(raws), ...ours]
  for (const { fill } of contestants) await fill(keys, value)
  const figures = await measure(contestants, { keys, value, ...plan })
  return [
    ...Object.keys(raws).flatMap((name) => rowsOf(name, figures.get(name)!)),
    ...ours.flatMap(({ name, versus }) => wanted(rowsOf(name, figures.get(name)!, versus), versus!, figures)),
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

/*
 * Gets that share round trips, beside the drivers batched by hand: how far SQL is behind MGET is the server's and the
 * driver's part, how far ours is behind them is ours. A store hands out bytes and knows no more of them; `parsed` is the
 * same for whoever makes an object of each, the same way on every row.
 */
async function batchedRows(): Promise<Row[]> {
  for (const { fill } of batched) await fill(keys, value)
  const figures = await measureBatched([...batched, ...ours.filter(({ name }) => name in byHand)], { keys, ...plan })
  return (['bytes', 'parsed'] as const).flatMap((what) => {
    const ending = what === 'bytes' ? 'at64' : 'parsed.at64'
    const row = (name: string, id: string): Row => ({ id, value: figures.get(name)![what], unit: 'ops/s' })
    const besideMget = (name: string): Row => {
      const ratio = figures.get(name)![what] / figures.get('raw.redis.mget')![what]
      const compared = { versus: `raw.redis.mget.${ending}`, wanted: '>= 0.75', ok: ratio >= 0.75 }
      return { ...row(name, `${name}.get.${ending}.beside-mget`), ...compared }
    }
    return [
      ...batched.map(({ name }) => row(name, `${name}.${ending}`)),
      ...Object.entries(byHand).flatMap(([name, raw]) => [
        { ...row(name, `${name}.get.${ending}.beside-batched`), versus: `${raw}.${ending}` },
        besideMget(name),
      ]),
    ]
  })
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
