import { DatabaseSync } from 'node:sqlite'
import { createPool } from 'mysql2/promise'
import type { RowDataPacket } from 'mysql2/promise'
import { Pool } from 'pg'
import type { QueryResult } from 'pg'
import { createClient, RESP_TYPES } from 'redis'
import { check, there } from './contestant.ts'
import type { Contestant } from './contestant.ts'

/*
 * What somebody writes who needs a session table and no more: one row per session, a version against lost updates, a
 * deadline that is checked on reading. Prepared statements, and as many connections as a store of ours has.
 */
const connections = 20
const far = (): number => Date.now() + 3_600_000

export async function rawPostgres(name: string, url: string, unlogged: boolean): Promise<Contestant> {
  const pool = new Pool({ connectionString: url, max: connections })
  const table = unlogged ? 'raw_unlogged' : 'raw_logged'
  const create = `CREATE ${unlogged ? 'UNLOGGED ' : ''}TABLE ${table}`
  await pool.query(`DROP TABLE IF EXISTS ${table}`)
  await pool.query(`${create} (k text PRIMARY KEY, v bytea NOT NULL, version int NOT NULL, expires_at bigint NOT NULL)`)
  const select = `SELECT v, version FROM ${table} WHERE k = $1 AND expires_at > $2`
  const ask = <Row extends object>(text: string, values: unknown[]): Promise<QueryResult<Row>> =>
    pool.query<Row>({ name: text.slice(0, 6) + table, text, values })
  const run = async (text: string, values: unknown[]): Promise<number> => (await ask(text, values)).rowCount ?? 0
  return {
    name,
    async fill(keys, value) {
      const insert = `INSERT INTO ${table} VALUES ($1, $2, 1, $3)`
      await Promise.all(keys.map((key) => run(insert, [key, Buffer.from(value), far()])))
    },
    async get(key) {
      const { rows } = await ask<{ v: Buffer }>(select, [key, Date.now()])
      return there(rows[0]?.v, name)
    },
    async write(key, version, value) {
      const update = `UPDATE ${table} SET v = $3, version = version + 1 WHERE k = $1 AND version = $2 AND expires_at > $4`
      check((await run(update, [key, version, Buffer.from(value), Date.now()])) === 1, name)
    },
    remove: async (key) => check((await run(`DELETE FROM ${table} WHERE k = $1`, [key])) === 1, name),
    close: () => pool.end(),
  }
}

export async function rawMysql(name: string, url: string): Promise<Contestant> {
  const pool = createPool({ uri: url, connectionLimit: connections })
  await pool.query('DROP TABLE IF EXISTS raw_sessions')
  await pool.query(`CREATE TABLE raw_sessions (k VARBINARY(255) PRIMARY KEY, v LONGBLOB NOT NULL, version INT NOT NULL,
    expires_at BIGINT NOT NULL) ENGINE = InnoDB`)
  const change = async (sql: string, values: (string | number | Buffer)[]): Promise<void> => {
    const [result] = await pool.execute(sql, values)
    check('affectedRows' in result && result.affectedRows === 1, name)
  }
  return {
    name,
    async fill(keys, value) {
      await Promise.all(
        keys.map((key) => change('INSERT INTO raw_sessions VALUES (?, ?, 1, ?)', [key, Buffer.from(value), far()])),
      )
    },
    async get(key) {
      const select = 'SELECT v, version FROM raw_sessions WHERE k = ? AND expires_at > ?'
      const [rows] = await pool.execute<(RowDataPacket & { v: Buffer })[]>(select, [key, Date.now()])
      return there(rows[0]?.v, name)
    },
    write: (key, version, value) =>
      change('UPDATE raw_sessions SET v = ?, version = version + 1 WHERE k = ? AND version = ? AND expires_at > ?', [
        Buffer.from(value),
        key,
        version,
        Date.now(),
      ]),
    remove: (key) => change('DELETE FROM raw_sessions WHERE k = ?', [key]),
    close: () => pool.end(),
  }
}

const replaceIfVersion = `
if redis.call('HGET', KEYS[1], 'n') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[2], 'n', ARGV[1] + 1)
return 1`

export async function rawRedis(name: string, url: string): Promise<Contestant> {
  const client = await createClient({ url }).connect()
  const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
  const sha = await client.scriptLoad(replaceIfVersion)
  const prefix = `raw:${name}:`
  return {
    name,
    async fill(keys, value) {
      const text = Buffer.from(value)
      await Promise.all(
        keys.flatMap((key) => [
          client.set(prefix + key, text, { PX: 3_600_000 }),
          client.hSet(`${prefix}hash:${key}`, { v: text, n: 1 }),
        ]),
      )
    },
    get: async (key) => there(await binary.get(prefix + key), name),
    async write(key, version, value) {
      const written = await client.evalSha(sha, {
        keys: [`${prefix}hash:${key}`],
        arguments: [String(version), Buffer.from(value)] as string[],
      })
      check(written === 1, name)
    },
    remove: async (key) => check((await client.del(prefix + key)) === 1, name),
    async close() {
      await client.close()
    },
  }
}

export function rawSqlite(name: string, path: string): Contestant {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
  database.exec(
    'CREATE TABLE sessions (k TEXT PRIMARY KEY, v BLOB NOT NULL, version INTEGER NOT NULL, expires_at INTEGER NOT NULL)',
  )
  const insert = database.prepare('INSERT INTO sessions VALUES (?, ?, 1, ?)')
  const select = database.prepare('SELECT v, version FROM sessions WHERE k = ? AND expires_at > ?')
  const update = database.prepare(
    'UPDATE sessions SET v = ?, version = version + 1 WHERE k = ? AND version = ? AND expires_at > ?',
  )
  const remove = database.prepare('DELETE FROM sessions WHERE k = ?')
  return {
    name,
    async fill(keys, value) {
      for (const key of keys) insert.run(key, value, far())
    },
    get: async (key) => there(select.get(key, Date.now())?.v as Uint8Array | undefined, name),
    write: async (key, version, value) => check(update.run(value, key, version, Date.now()).changes === 1, name),
    remove: async (key) => check(remove.run(key).changes === 1, name),
    close: async () => database.close(),
  }
}
