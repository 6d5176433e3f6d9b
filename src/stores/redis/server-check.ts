import { SallyportError } from '../../shared/errors.ts'
import type { Connection } from './connection.ts'
import { RedisError } from './error.ts'

const oldestMajor = 7

/** Refuses a server that is too old, or a replica: what it says may be out of date. */
export async function checkServer(connection: Connection, startedAt: number): Promise<void> {
  const info = await infoOf(connection, startedAt, 'server', 'replication')
  const version = info.get('redis_version') ?? ''
  if (Number.parseInt(version, 10) < oldestMajor) {
    const message = `Redis ${version} is too old; 7.0 or later is needed, or Valkey 8.0 or later`
    throw new SallyportError('ERR_STORE_UNSUPPORTED', message)
  }

  if (info.get('role') !== 'master') throw new RedisError('READONLY', 'the server is a replica')
}

/**
 * What of the server's settings puts sessions at risk, in words for an operator.
 *
 * Every policy but `noeviction`, whatever `maxmemory` is now: it may be set while the server runs. `volatile-*` is no
 * better than `allkeys-*`, for whatever is kept has a deadline here. It is no reason to refuse the server: a hosted one
 * often comes with `volatile-lru` and lets nobody change it, and nothing happens as long as there is room.
 */
export async function risks(connection: Connection, startedAt: number): Promise<string[]> {
  const info = await infoOf(connection, startedAt, 'memory')
  const policy = info.get('maxmemory_policy') ?? ''
  if (policy === 'noeviction') return []
  return [
    `maxmemory-policy is ${policy}: when its memory is full, Redis evicts sessions, and lists of a user's sessions while ` +
      'those live on, so that signing a user out everywhere may miss some, without an error; set noeviction, and ' +
      'maxmemory with room for all sessions (when it is full, sign-ins fail and sign-outs work)',
  ]
}

async function infoOf(connection: Connection, startedAt: number, ...sections: string[]): Promise<Map<string, string>> {
  const text = String(await connection.send(['INFO', ...sections], startedAt))
  return new Map(
    text.split('\r\n').flatMap((line): [string, string][] => {
      const colon = line.indexOf(':')
      return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1)]]
    }),
  )
}
