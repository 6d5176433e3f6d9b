import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import type { NewEntry, Store } from '../../src/cache/store.ts'
import { isSallyportError, StoreUnavailableError } from '../../src/shared/errors.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { startNode } from '../support/child-process.ts'
import type { ChildProcess } from '../support/child-process.ts'

const directory = mkdtempSync(join(tmpdir(), 'sallyport-processes-'))
after(() => rmSync(directory, { recursive: true }))

const children: ChildProcess[] = []
const stores: Store[] = []
afterEach(async () => {
  for (const child of children.splice(0)) child.kill()
  for (const store of stores.splice(0)) await store.close()
})

function start(code: string, through?: string): ChildProcess {
  const child = startNode(code, through)
  children.push(child)
  return child
}

const sqliteModule = import.meta.resolve('../../src/stores/sqlite.ts')
let files = 0

function newPath(): string {
  return join(directory, `${++files}.db`)
}

function entry(key: string, value: string = ''): NewEntry {
  return { key, value: new TextEncoder().encode(value), lifetime: { idleMs: 3_600_000 } }
}

/** A process that holds the write lock until it is told to let go. */
async function lockHolder(path: string): Promise<ChildProcess> {
  const child = start(`
    import { DatabaseSync } from 'node:sqlite'
    const database = new DatabaseSync(${JSON.stringify(path)})
    database.exec('BEGIN IMMEDIATE')
    console.log('locked')
    process.stdin.once('data', () => {
      database.exec('COMMIT')
      database.close()
      process.exit()
    })`)
  assert.equal(await child.line(), 'locked')
  return child
}

/** Counts the turns the event loop makes until `work` is settled: none, if something blocks it. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0
  let settled = false
  const watched = work.then(
    () => (settled = true),
    () => (settled = true),
  )
  while (!settled) {
    await new Promise<void>((resolve) => void setTimeout(resolve, 1))
    turns++
  }
  await watched
  return turns
}

async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => void setTimeout(resolve, 1))
}

async function opened(path: string, operationTimeoutMs: number): Promise<Store> {
  const store = sqliteStore({ path, operationTimeoutMs })
  stores.push(store)
  await store.init({ maxStalenessMs: 1_000 })
  return store
}

test('a write meets the lock of another process: it waits without failing, while reads and polls go on', async () => {
  const path = newPath()
  const store = await opened(path, 60_000)
  await store.create(entry('before'))
  const holder = await lockHolder(path)
  const writes = Promise.all([store.create(entry('a')), store.extend('before', 7_200_000), store.remove({ key: 'x' })])
  let settled = false
  void writes.then(() => (settled = true))
  await someTurns()
  assert.equal(settled, false)
  assert.equal((await store.read(['before'])).entries[0]?.version, 1)
  await store.epochs([])
  holder.say('let go')
  const [created, extended, removed] = await writes
  assert.deepEqual([created.outcome, extended.outcome, removed.bumps.length], ['created', 'extended', 1])
})

test('a lock held for too long is "unavailable", and the event loop never stood still', async () => {
  const path = newPath()
  const store = await opened(path, 200)
  const holder = await lockHolder(path)
  const write = store.create(entry('a'))
  const turns = await turnsDuring(write)
  await assert.rejects(write, (error) => {
    assert.ok(error instanceof StoreUnavailableError)
    assert.match(error.message, /locked for 200 ms/)
    return true
  })
  assert.ok(turns >= 10, `the event loop made ${turns} turns`)
  holder.say('let go')
  await holder.ended
  assert.equal((await store.create(entry('a'))).outcome, 'created')
})

test('a store whose first operation meets a lock opens once the lock is gone', async () => {
  const path = newPath()
  await (await opened(path, 1_000)).close()
  const holder = await lockHolder(path)
  const store = sqliteStore({ path, operationTimeoutMs: 60_000 })
  stores.push(store)
  const created = store.create(entry('a'))
  await someTurns()
  holder.say('let go')
  assert.equal((await created).outcome, 'created')
})

test('close does not wait for a lock: what was waiting rejects with ERR_CLOSED', async () => {
  const path = newPath()
  const store = await opened(path, 60_000)
  const holder = await lockHolder(path)
  const write = store.create(entry('a'))
  const rejected = assert.rejects(write, (error) => isSallyportError(error) && error.code === 'ERR_CLOSED')
  await someTurns()
  await store.close()
  await rejected
  holder.say('let go')
  await holder.ended
})

test('a process with nothing else to do stays until its waiting write is done, then ends by itself', async () => {
  const path = newPath()
  await (await opened(path, 1_000)).close()
  const holder = await lockHolder(path)
  const writer = start(`
    import { sqliteStore } from ${JSON.stringify(sqliteModule)}
    const store = sqliteStore({ path: ${JSON.stringify(path)}, operationTimeoutMs: 60_000 })
    console.log('started')
    const reply = await store.create({ key: 'a', value: Uint8Array.of(1), lifetime: { idleMs: 60_000 } })
    console.log(reply.outcome)`)
  assert.equal(await writer.line(), 'started')
  await someTurns()
  holder.say('let go')
  assert.equal(await writer.line(), 'created')
  assert.deepEqual(await writer.ended, { code: 0, stderr: '' })
})

test('importing the store loads no driver; using and closing it leaves nothing that keeps the process alive', async () => {
  const child = start(`
    import { sqliteStore } from ${JSON.stringify(sqliteModule)}
    const store = sqliteStore({ path: ${JSON.stringify(newPath())} })
    const loaded = () => process.moduleLoadList.some((name) => name === 'NativeModule sqlite')
    const before = loaded()
    await store.init({ maxStalenessMs: 1_000 })
    await store.close()
    console.log(JSON.stringify([before, loaded(), process.getActiveResourcesInfo()]))`)
  const [before, afterwards, resources] = JSON.parse(await child.line()) as [boolean, boolean, string[]]
  assert.deepEqual([before, afterwards], [false, true])
  assert.deepEqual(
    resources.filter((name) => !name.startsWith('Pipe')),
    [],
  )
  assert.equal((await child.ended).code, 0)
})

test('four processes that start on a new file at once agree on one store, and lose no update', async () => {
  const path = newPath()
  const code = `
    import { sqliteStore } from ${JSON.stringify(sqliteModule)}
    const store = sqliteStore({ path: ${JSON.stringify(path)}, operationTimeoutMs: 60_000 })
    await store.init({ maxStalenessMs: 1_000 })
    await store.create({ key: 'counter', value: new TextEncoder().encode('0'), lifetime: { idleMs: 3_600_000 } })
    for (let done = 0; done < 50; ) {
      const { value, version } = (await store.read(['counter'])).entries[0]
      const next = new TextEncoder().encode(String(Number(new TextDecoder().decode(value)) + 1))
      const reply = await store.replace('counter', version, { value: next, bump: true })
      if (reply.outcome === 'replaced') done++
    }
    console.log((await store.epochs([])).incarnation)
    await store.close()`
  const writers = Array.from({ length: 4 }, () => start(code))
  const incarnations = await Promise.all(writers.map((child) => child.line()))
  for (const child of writers) assert.deepEqual(await child.ended, { code: 0, stderr: '' })
  assert.equal(new Set(incarnations).size, 1)
  const store = await opened(path, 1_000)
  const counter = (await store.read(['counter'])).entries[0]
  assert.equal(new TextDecoder().decode(counter?.value), '200')
  assert.equal(counter?.version, 201)
})

test('with the disk full every write that is answered is kept, and every other one says "unavailable"', async () => {
  const path = newPath()
  await (await opened(path, 1_000)).close()
  const limitedTo2000Blocks = 'ulimit -f 2000; exec "$0" "$@"'
  const child = start(
    `
    import { sqliteStore } from ${JSON.stringify(sqliteModule)}
    const store = sqliteStore({ path: ${JSON.stringify(path)} })
    const value = new Uint8Array(20_000)
    const codes = new Set()
    for (let i = 0; codes.size === 0 && i < 1_000; i++) {
      try {
        await store.create({ key: 'key-' + i, value, lifetime: { idleMs: 3_600_000 } })
        console.log('created key-' + i)
      } catch (error) {
        codes.add(error.code)
      }
    }
    for (let i = 0; i < 5; i++) {
      try {
        const { removed } = await store.remove({ key: 'key-' + i })
        console.log('removed key-' + i)
      } catch (error) {
        codes.add(error.code)
      }
    }
    console.log('end ' + [...codes])
    process.exit()`,
    limitedTo2000Blocks,
  )
  const kept = new Set<string>()
  for (let line = await child.line(); ; line = await child.line()) {
    const [what, key = ''] = line.split(' ')
    if (what === 'created') kept.add(key)
    else if (what === 'removed') kept.delete(key)
    else {
      assert.equal(line, 'end ERR_STORE_UNAVAILABLE')
      break
    }
  }
  await child.ended
  const store = await opened(path, 1_000)
  const keys = Array.from({ length: 1_000 }, (_, i) => `key-${i}`)
  const { entries } = await store.read(keys)
  assert.ok(kept.size > 0)
  assert.deepEqual(
    entries.flatMap((found) => (found ? [found.key] : [])),
    keys.filter((key) => kept.has(key)),
  )
})
