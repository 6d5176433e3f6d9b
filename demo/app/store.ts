import { mysqlStore } from 'sallyport/mysql'
import { postgresStore } from 'sallyport/postgres'
import { redisStore } from 'sallyport/redis'
import { sqliteStore } from 'sallyport/sqlite'
import type { Logger, Store } from 'sallyport'

/** The store at a URL. An application knows which one it uses; the demo can be started with any. */
export function storeAt(url: string, logger: Logger): Store {
  const scheme = url.slice(0, url.indexOf(':'))
  if (scheme.startsWith('postgres')) return postgresStore({ connectionString: url, logger })
  if (scheme === 'mysql' || scheme === 'mariadb') return mysqlStore({ connectionString: url, logger })
  if (scheme.startsWith('redis')) return redisStore({ url, logger })
  return sqliteStore({ connectionString: url, logger })
}
