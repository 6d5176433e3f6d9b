import { createPool } from 'mysql2/promise'
import type { RowDataPacket } from 'mysql2/promise'
import { Pool } from 'pg'
import { createClient, RESP_TYPES } from 'redis'
import { median } from '../median.ts'
import type { Contestant } from './contestant.ts'
import { keyOf, throughput } from './measure.ts'

/** Gets by key that share round trips. */
export type BatchedGets = Pick<Contestant, 'name' | 'fill' | 'get' | 'close'>

type GetMany = (keys: readonly string[]) => Promise<ReadonlyMap<string, Uint8Array>>

interface Asked {
  key: string
  resolve: (value: Uint8Array) => void
  reject: (error: unknown) => void
}

/** Gets per second, 64 at once. */
export interface BatchedFigures {
  /** Of values as the store has them. */
  bytes: number
  /** Of values that whoever asked for them parses. */
  parsed: number
}

/** Measures all in turns. The values are JSON. */
export async function measureBatched(
  contestants: readonly BatchedGets[],
  { keys, rounds, roundMs }: { keys: readonly string[]; rounds: number; roundMs: number },
): Promise<Map<string, BatchedFigures>> {
  const samples = contestants.map((contestant) => ({ contestant, bytes: [] as number[], parsed: [] as number[] }))
  for (let round = 0; round <= rounds; round++) {
    for (const { contestant, bytes, parsed } of samples) {
      const get = (worker: number, turn: number): Promise<Uint8Array> => contestant.get(keyOf(keys, worker, turn))
      const ofBytes = await throughput(get, roundMs)
      const ofParsed = await throughput(async (worker, turn) => parse(await get(worker, turn)), roundMs)
      // The first round is for compilers, caches and connections.
      if (round === 0) continue
      bytes.push(ofBytes)
      parsed.push(ofParsed)
    }
  }
  return new Map(
    samples.map(({ contestant, bytes, parsed }) => [contestant.name, { bytes: median(bytes), parsed: median(parsed) }]),
  )
}

function parse(value: Uint8Array): unknown {
  return JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString())
}

/*
 * What somebody writes who batches by hand: a table of keys and values and no more, all gets of one turn of the event
 * loop in one command or statement. Tables store values where ours do.
 */

export async function batchedRedis(name: string, url: string): Promise<BatchedGets> {
  const client = await createClient({ url }).connect()
  const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
  const nameOf = (key: string): string => `batched:${key}`
  return {
    name,
    async fill(keys, value) {
      await Promise.all(keys.map((key) => client.set(nameOf(key), Buffer.from(value))))
    },
    get: together(async (keys) => {
      const values = await binary.mGet(keys.map(nameOf))
      return new Map(keys.flatMap((key, i) => (values[i] ? [[key, values[i]]] : [])))
    }),
    async close() {
      await client.close()
    },
  }
}

export async function batchedPostgres(name: string, url: string): Promise<BatchedGets> {
  const pool = new Pool({ connectionString: url })
  await pool.query(`DROP TABLE IF EXISTS raw_batched`)
  await pool.query(`CREATE TABLE raw_batched (k text COLLATE "C" PRIMARY KEY, v bytea NOT NULL)
    WITH (toast_tuple_target = 8160)`)
  await pool.query('ALTER TABLE raw_batched ALTER COLUMN v SET STORAGE EXTERNAL')
  const text = 'SELECT k, v FROM raw_batched WHERE k = ANY($1)'
  return {
    name,
    async fill(keys, value) {
      await Promise.all(
        keys.map((key) => pool.query('INSERT INTO raw_batched VALUES ($1, $2)', [key, Buffer.from(value)])),
      )
    },
    get: together(async (keys) => {
      const { rows } = await pool.query<{ k: string; v: Buffer }>({ name: 'raw_batched', text, values: [keys] })
      return new Map(rows.map(({ k, v }) => [k, v]))
    }),
    close: () => pool.end(),
  }
}

export async function batchedMysql(name: string, url: string): Promise<BatchedGets> {
  const pool = createPool({ uri: url })
  await pool.query('DROP TABLE IF EXISTS raw_batched')
  await pool.query('CREATE TABLE raw_batched (k VARBINARY(255) PRIMARY KEY, v LONGBLOB NOT NULL) ENGINE = InnoDB')
  return {
    name,
    async fill(keys, value) {
      const insert = 'INSERT INTO raw_batched VALUES (?, ?)'
      await Promise.all(keys.map((key) => pool.execute(insert, [key, Buffer.from(value)])))
    },
    get: together(async (keys) => {
      const select = `SELECT k, v FROM raw_batched WHERE k IN (${keys.map(() => '?').join(', ')})`
      const [rows] = await pool.execute<(RowDataPacket & { k: Buffer; v: Buffer })[]>(select, [...keys])
      return new Map(rows.map(({ k, v }) => [String(k), v]))
    }),
    close: () => pool.end(),
  }
}

function together(getMany: GetMany): (key: string) => Promise<Uint8Array> {
  let waiting: Asked[] = []
  const flush = async (): Promise<void> => {
    const batch = waiting
    waiting = []
    try {
      const found = await getMany(batch.map(({ key }) => key))
      for (const { key, resolve, reject } of batch) {
        const value = found.get(key)
        if (value === undefined) reject(new Error('what was asked for was not there'))
        else resolve(value)
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
  return (key) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(() => void flush())
      waiting.push({ key, resolve, reject })
    })
}
