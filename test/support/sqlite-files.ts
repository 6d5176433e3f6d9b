import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, afterEach } from 'node:test'
import type { Store } from '../../src/cache/store.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import type { SqliteStoreOptions } from '../../src/stores/sqlite.ts'

export interface SqliteFiles {
  /** Gone when the tests of the file are over. */
  directory: string
  /** Those that were opened, in order; a test that closes one takes it out. */
  stores: Store[]
  /** Where nothing is yet. */
  newPath(): string
  /** Closed when the test is over. */
  open(path: string, options?: Omit<SqliteStoreOptions, 'path' | 'connectionString'>): Store
}

/** For the tests of one file. */
export function sqliteFiles(): SqliteFiles {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-sqlite-'))
  const stores: Store[] = []
  let files = 0
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close()
  })
  after(() => rmSync(directory, { recursive: true }))
  return {
    directory,
    stores,
    newPath: () => join(directory, `${++files}.db`),
    open(path, options = {}) {
      const store = sqliteStore({ path, ...options })
      stores.push(store)
      return store
    },
  }
}

/** What somebody else does to the file. */
export function tamper(path: string, sql: string): void {
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()
}
