import type { PoolOptions } from 'mysql2'
import { CallersPool, OwnPool } from './driver-pool.ts'
import { KeptConnection } from './kept-connection.ts'
import type { MysqlSettings } from './options.ts'
import type { MysqlSession } from './session.ts'
import { loaded } from '../rules/driver.ts'
import type { DriverPools } from '../sql/database.ts'

interface MysqlPools extends DriverPools<MysqlSession> {
  readonly main: OwnPool | CallersPool
}

type Driver = typeof import('mysql2')

/** Opens nothing yet. */
export async function driverPools(settings: MysqlSettings): Promise<MysqlPools> {
  const { address, pool, maxConnections, minConnections } = settings
  if (pool !== undefined) {
    const main = new CallersPool(pool)
    return { main, poll: new KeptConnection(main, pool), ahead: 0 }
  }
  const driver = await loadDriver()
  const ours = (max: number, min: number): OwnPool => {
    return new OwnPool(driver.createPool({ ...address, ...fixed(settings), connectionLimit: max }), settings, {
      max,
      min,
    })
  }
  return { main: ours(maxConnections, minConnections), poll: ours(1, 1), ahead: minConnections }
}

/** Loads `mysql2` when it is first needed. */
async function loadDriver(): Promise<Driver> {
  const wanted = { store: 'mysqlStore', option: 'connectionString', name: 'mysql2' }
  return (await loaded(wanted, () => import('mysql2'))).default
}

function fixed({ operationTimeoutMs }: MysqlSettings): PoolOptions {
  return {
    charset: 'utf8mb4_bin',
    // Who waits for the connection has given up by then.
    connectTimeout: Math.max(operationTimeoutMs, 1_000),
    enableKeepAlive: true,
    keepAliveInitialDelay: 10_000,
    multipleStatements: false,
  }
}
