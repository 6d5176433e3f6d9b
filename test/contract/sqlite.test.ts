import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Store } from '../../src/cache/store.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { storeContract } from '../../src/testing.ts'
import type { StoreContext } from '../../src/testing.ts'

const directory = mkdtempSync(join(tmpdir(), 'sallyport-contract-'))
after(() => rmSync(directory, { recursive: true }))

function open({ clock, id }: StoreContext): Store {
  return sqliteStore({ path: join(directory, `${id}.db`), clock })
}

storeContract({ test, createStore: open, reopenStore: open })
