import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock, Store } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { silentLogger } from './silent-logger.ts'
import { isServerKind, kinds } from './servers/kinds.ts'
import type { ServerKind } from './servers/kinds.ts'
import type { FreshDatabase } from './servers/shared.ts'
import { whyNotTested } from './servers/why-not-tested.ts'

/** In this process, in a file, or on a server. */
export type StoreKind = 'memory' | 'sqlite' | ServerKind

/** Those that go by a clock a test may set, and need no server. */
export const storeKinds: readonly StoreKind[] = ['memory', 'sqlite']

export const everyStoreKind: readonly StoreKind[] = [...storeKinds, ...(Object.keys(kinds) as ServerKind[])]

/** The reason to skip tests on this kind, or `false`. */
export function whyNotOn(kind: StoreKind): string | false {
  return isServerKind(kind) && whyNotTested(kind)
}

/** A test or a suite: whatever calls the functions it is given when it is over. */
export interface Scope {
  after(close: () => unknown): void
}

/** An empty place to keep entries in, gone when its scope ends. */
export interface Database {
  /** Where it is. Of memory and files: nothing a network leads to. */
  readonly url: string | undefined
  /** Another store object on the same entries; of memory, the same one. */
  open(options?: StoreOpening): Store
}

export interface StoreOpening {
  /** Default: on, where the store can. */
  push?: boolean
  /** The way to the server, if not the straight one. */
  url?: string
}

export async function openDatabase(scope: Scope, kind: StoreKind, clock?: Clock): Promise<Database> {
  const time = clock === undefined ? {} : { clock }
  if (kind === 'memory') {
    const store = memoryStore(time)
    scope.after(() => store.close())
    return { url: undefined, open: () => store }
  }
  const opened: Store[] = []
  const place = kind === 'sqlite' ? await newFolder() : await newDatabase(kind)
  scope.after(async () => {
    await Promise.all(opened.map((store) => store.close()))
    await place.drop()
  })
  return {
    url: 'path' in place ? undefined : place.url,
    open(options = {}) {
      const store = 'path' in place ? sqliteStore({ path: place.path, ...time }) : storeOn(place, options)
      opened.push(store)
      return store
    },
  }
}

async function newFolder(): Promise<{ path: string; drop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-'))
  return { path: join(folder, 'sessions.db'), drop: () => rm(folder, { recursive: true, force: true }) }
}

/** Most tests need no server: they are spared the drivers. */
async function newDatabase(kind: ServerKind): Promise<FreshDatabase> {
  const { freshDatabase } = await import('./servers/shared.ts')
  return freshDatabase(kind)
}

function storeOn(database: FreshDatabase, { push = true, url = database.url }: StoreOpening): Store {
  const logger = silentLogger
  // Few connections: many test files share a server, and most need one at a time.
  const pool = { maxConnections: 5, minConnections: 1 }
  const { family } = kinds[database.kind]
  if (family === 'postgres') return postgresStore({ connectionString: url, push, logger, ...pool })
  if (family === 'mysql') return mysqlStore({ connectionString: url, logger, ...pool })
  return redisStore({ url, keyPrefix: database.prefix, push, logger })
}
