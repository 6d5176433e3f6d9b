import { Pool } from 'pg'
import type { PoolConfig } from 'pg'

/**
 * A pool of the application's. It hears of idle connections that broke, as every application has to: a database may be
 * dropped before the server has said goodbye to all of them, and without a listener that would end the process.
 */
export function applicationPool(connectionString: string, config: PoolConfig = {}): Pool {
  const pool = new Pool({ connectionString, ...config })
  pool.on('error', () => {})
  return pool
}
