import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import { run } from '../../src/cli/run.ts'
import type { Store } from '../../src/cache/store.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { whyNotOn } from '../support/databases.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import { silentLogger } from '../support/silent-logger.ts'

interface Place {
  url: string
  drop(): Promise<void>
}

interface Tables {
  tableName: string
  verifierTableName?: string
}

/** How a printed script is run on one kind of database, and what opens the store on it. */
interface Dialect {
  kind: 'sqlite' | 'postgres' | 'postgres18' | 'mariadb'
  database: string
  place(): Promise<Place>
  execute(url: string, script: string): Promise<void>
  /** With `autoMigrate: false`. */
  open(url: string, tables: Tables): Store
  /** The three plain columns, as people declare them. */
  plain(table: string): string
}

async function newFile(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-scripts-'))
  return { url: `sqlite://${join(folder, 'a.db')}`, drop: async () => rmSync(folder, { recursive: true }) }
}

async function inPostgres(url: string, script: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(script)
  } finally {
    await client.end()
  }
}

async function inMariadb(url: string, script: string): Promise<void> {
  const connection = await createConnection({ uri: url, multipleStatements: true })
  try {
    await connection.query(script)
  } finally {
    await connection.end()
  }
}

const common = { autoMigrate: false, logger: silentLogger, maxConnections: 1 } as const

/** People keep texts and bytes in such tables. */
const plainValues = { postgres: 'BYTEA', postgres18: 'TEXT' } as const

const dialects: Dialect[] = [
  {
    kind: 'sqlite',
    database: 'sqlite',
    place: newFile,
    async execute(url, script) {
      const database = new DatabaseSync(url.slice('sqlite://'.length))
      try {
        database.exec(script)
      } finally {
        database.close()
      }
    },
    open: (connectionString, tables) => sqliteStore({ connectionString, ...tables, ...common }),
    plain: (table) => `CREATE TABLE ${table} (cache_key TEXT PRIMARY KEY, cache_value BLOB, expires_at INTEGER)`,
  },
  ...(['postgres', 'postgres18'] as const).map((kind): Dialect => ({
    kind,
    database: 'postgres',
    place: () => freshDatabase(kind),
    execute: inPostgres,
    open: (connectionString, tables) => postgresStore({ connectionString, ...tables, ...common, push: false }),
    plain: (table) =>
      `CREATE TABLE ${table} (cache_key VARCHAR(255) PRIMARY KEY, cache_value ${plainValues[kind]} NOT NULL,
        expires_at BIGINT NOT NULL)`,
  })),
  {
    kind: 'mariadb',
    database: 'mysql',
    place: () => freshDatabase('mariadb'),
    execute: inMariadb,
    open: (connectionString, tables) => mysqlStore({ connectionString, ...tables, ...common }),
    plain: (table) =>
      `CREATE TABLE ${table} (cache_key VARCHAR(255) PRIMARY KEY, cache_value BLOB NOT NULL, expires_at BIGINT NOT NULL)`,
  },
]

async function outputOf(args: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  let output = ''
  const told = (text: string): void => void (output += text)
  const status = await run(args.split(' '), { env, print: told, complain: told })
  assert.equal(status, 0, output)
  return output
}

for (const { kind, database, place, execute, open, plain } of dialects) {
  describe(`the printed scripts on ${kind}`, { skip: kind === 'sqlite' ? false : whyNotOn(kind) }, () => {
    let at: Place
    before(async () => {
      at = await place()
    })
    after(() => at?.drop())

    async function using(tables: Tables, work: (store: Store) => Promise<void>): Promise<void> {
      const store = open(at.url, tables)
      try {
        await work(store)
      } finally {
        await store.close()
      }
    }

    const entry = { value: new TextEncoder().encode('{"a":1}'), lifetime: { idleMs: 60_000 } }

    test('that from nothing makes everything a store needs', async () => {
      const options = '--table-name made --verifier-table-name made_cv'
      await execute(at.url, await outputOf(`schema --database ${database} ${options}`))
      await using({ tableName: 'made', verifierTableName: 'made_cv' }, async (store) => {
        await store.init({ maxStalenessMs: 1_000 })
        await store.create({ key: 'cv:1', ...entry })
        await store.create({ key: 'a', ...entry })
        assert.equal((await store.stats()).entries, 2)
        assert.equal((await store.remove({ key: 'a' })).removed, 1)
      })
      const nothing = await outputOf(`schema apply ${options}`, { SALLYPORT_DATABASE_URL: at.url })
      assert.match(nothing, /^nothing to do/)
    })

    test('that for a plain table upgrades it and keeps its rows', async () => {
      await execute(at.url, plain('flat'))
      await execute(at.url, "INSERT INTO flat VALUES ('a', '{}', 9000000000)")
      await execute(at.url, await outputOf(`schema --database ${database} --from plain --table-name flat`))
      await using({ tableName: 'flat' }, async (store) => {
        const [found] = (await store.read(['a'])).entries
        assert.deepEqual([found?.version, found?.times.expiresAt], [1, 9e12])
        assert.equal(new TextDecoder().decode(found?.value), '{}')
      })
    })

    test('apply makes them too, and what it ran is what is printed', async () => {
      const ran = await outputOf('schema apply --table-name applied', { SALLYPORT_DATABASE_URL: at.url })
      const printed = await outputOf(`schema --database ${database} --table-name applied`)
      for (const line of ran.split('\n').slice(1)) assert.ok(printed.includes(line.trim()), line)
      await using({ tableName: 'applied' }, (store) => store.ping())
    })
  })
}
