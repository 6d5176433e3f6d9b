import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Store } from '../../src/cache/store.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { storeContract } from '../../src/testing.ts'
import type { StoreContext } from '../../src/testing.ts'

const directory = mkdtempSync(join(tmpdir(), 'sallyport-pair-'))
after(() => rmSync(directory, { recursive: true }))

/** Two stores on one file taken for one: every other call goes to the other, so each has to see what its twin did. */
function pair({ clock, id }: StoreContext): Store {
  const options = { path: join(directory, `${id}.db`), clock }
  const twins = [sqliteStore(options), sqliteStore(options)] as const
  let calls = 0
  const next = (): Store => twins[calls++ % 2 === 0 ? 0 : 1]
  return {
    name: twins[0].name,
    capabilities: twins[0].capabilities,
    cleanupIntervalSec: twins[0].cleanupIntervalSec,
    init: (instance) => next().init(instance),
    read: (keys) => next().read(keys),
    create: (entry) => next().create(entry),
    replace: (key, version, change) => next().replace(key, version, change),
    extend: (key, idleMs) => next().extend(key, idleMs),
    writeMany: (writes) => next().writeMany!(writes),
    take: (key) => next().take(key),
    remove: (target) => next().remove(target),
    list: (query) => next().list(query),
    epochs: (known) => next().epochs(known),
    sweep: (limit) => next().sweep(limit),
    stats: () => next().stats(),
    ping: () => next().ping(),
    async close() {
      for (const twin of twins) await twin.close()
    },
  }
}

storeContract({
  test: (name, run) => test(`two stores on one file, ${name}`, run),
  createStore: pair,
  reopenStore: pair,
})
