/**
 * Copies every session from one store to another, while no instance runs. Nothing is opened: a record goes on working
 * as long as `secret` stays the same. May be run again: a session that is there already is left as it is.
 *
 *   OLD_STORE=redis://… NEW_STORE=postgres://… node examples/migrate/copy.ts
 */
import type { Store } from 'sallyport'
import { mysqlStore } from 'sallyport/mysql'
import { postgresStore } from 'sallyport/postgres'
import { redisStore } from 'sallyport/redis'
import { sqliteStore } from 'sallyport/sqlite'
import { sessionsAt } from './sources.ts'
import type { Listed } from './sources.ts'

/** Your `session.idleTimeoutSec`: to the new store, all sessions have just been used. */
const idleMs = Number(process.env['IDLE_TIMEOUT_SEC'] ?? 1_800) * 1_000

const [oldUrl, newUrl] = [env('OLD_STORE'), env('NEW_STORE')]
const [source, target] = [storeAt(oldUrl), storeAt(newUrl)]
try {
  await target.init({ maxStalenessMs: 1_000 })
  let copied = 0
  for await (const sessions of sessionsAt(oldUrl, source)) copied += await copy(sessions)
  console.log(`${copied} sessions copied`)
} finally {
  await Promise.all([source.close(), target.close()])
}

/** Returns how many were not there before. */
async function copy(sessions: readonly Listed[]): Promise<number> {
  const { entries, storeNow } = await source.read(sessions.map(({ key }) => key))
  const replies = await Promise.all(
    sessions.map(async (listed, i) => {
      const entry = entries[i]
      if (entry === undefined) return 'expired'
      const { absoluteExpiresAt } = entry.times
      const ceiling = absoluteExpiresAt === undefined ? {} : { absoluteMs: absoluteExpiresAt - storeNow }
      const { outcome } = await target.create({ ...listed, value: entry.value, lifetime: { idleMs, ...ceiling } })
      return outcome
    }),
  )
  return replies.filter((outcome) => outcome === 'created').length
}

function storeAt(url: string): Store {
  if (/^postgres(ql)?:/.test(url)) return postgresStore({ connectionString: url })
  if (/^(mysql|mariadb):/.test(url)) return mysqlStore({ connectionString: url })
  if (/^rediss?:/.test(url)) return redisStore({ url })
  if (url.startsWith('sqlite:')) return sqliteStore({ connectionString: url })
  throw new Error(
    'OLD_STORE and NEW_STORE start with postgres://, mysql://, mariadb://, redis://, rediss:// or sqlite://',
  )
}

function env(name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set`)
  return value
}
