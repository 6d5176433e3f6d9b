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

/** What of the server's settings puts sessions at risk, in words for an operator. */
export async function risks(connection: Connection, startedAt: number): Promise<string[]> {
  const info = await infoOf(connection, startedAt, 'memory')
  const policy = info.get('maxmemory_policy') ?? ''
  if (!policy.startsWith('allkeys-')) return []
  return [
    `maxmemory-policy is ${policy}: Redis may evict sessions and the epochs that tell of removals; use noeviction, ` +
      'or volatile-ttl if sessions may be lost',
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
