import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { backup, DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { sqliteFiles } from '../../../test/support/sqlite-files.ts'
import type { NewEntry, Store } from '../../cache/store.ts'
import { isSallyportError } from '../../shared/errors.ts'
import type { ErrorCode } from '../../shared/errors.ts'
import { manualClock } from '../../testing/manual-clock.ts'

const { directory, newPath, open, stores } = sqliteFiles()
/** How long a read may go on with a file that was replaced. */
const trustedMs = 10

function entry(key: string, value: Uint8Array = Uint8Array.of(1)): NewEntry {
  return { key, value, lifetime: { idleMs: 3_600_000 } }
}

async function keysIn(store: Store, ...keys: string[]): Promise<string[]> {
  return (await store.read(keys)).entries.flatMap((found) => (found ? [found.key] : []))
}

function rejectsWith(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isSallyportError(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  }
}

/** Every way into the file: none may take what is out of reach for absent. */
const everyOperation: [name: string, run: (store: Store) => Promise<unknown>][] = [
  ['init', (store) => store.init({ maxStalenessMs: 1 })],
  ['read', (store) => store.read(['a'])],
  ['create', (store) => store.create(entry('a'))],
  ['replace', (store) => store.replace('a', 1, { value: Uint8Array.of(2), bump: true })],
  ['extend', (store) => store.extend('a', 1_000)],
  ['writeMany', (store) => store.writeMany!([{ operation: 'create', entry: entry('a') }])],
  ['take', (store) => store.take('a')],
  ['remove', (store) => store.remove({ key: 'a' })],
  ['list', (store) => store.list({ index: 'subject', values: ['alice'] })],
  ['epochs', (store) => store.epochs([])],
  ['sweep', (store) => store.sweep(10)],
  ['stats', (store) => store.stats()],
  ['ping', (store) => store.ping()],
]

async function assertAllReject(store: Store, code: ErrorCode, message: RegExp): Promise<void> {
  for (const [name, run] of everyOperation) await assert.rejects(run(store), rejectsWith(code, message), name)
}

function integrityOf(path: string): unknown {
  const database = new DatabaseSync(path)
  const row = database.prepare('PRAGMA integrity_check').get()
  database.close()
  return row?.integrity_check
}

/** Runs `work` as somebody whom the permissions of files concern. */
async function asNobody(work: () => Promise<void>): Promise<void> {
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.(65_534)
  try {
    await work()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
}

const hasPermissions = { skip: process.platform === 'win32' ? 'permissions are another matter there' : false }

test(
  'a file that may only be read is unavailable for every operation, and is used once it may be written',
  hasPermissions,
  async () => {
    const path = newPath()
    const before = open(path)
    await before.create(entry('a'))
    await before.close()
    const content = readFileSync(path)
    chmodSync(directory, 0o755)
    chmodSync(path, 0o444)
    const store = open(path)
    await asNobody(() =>
      assertAllReject(store, 'ERR_STORE_UNAVAILABLE', new RegExp(`${path} cannot be opened for reading and writing`)),
    )
    assert.ok(readFileSync(path).equals(content))
    chmodSync(path, 0o644)
    assert.deepEqual(await keysIn(store, 'a'), ['a'])
  },
)

test('a directory in which this process may make nothing is named', hasPermissions, async () => {
  const path = newPath()
  chmodSync(directory, 0o555)
  const refused = rejectsWith('ERR_STORE_UNAVAILABLE', /path: this process may not create .*\.db/)
  await asNobody(() => assert.rejects(open(path).ping(), refused))
  chmodSync(directory, 0o755)
})

test(
  'a directory into which this process may not look is unavailable, and the store goes on afterwards',
  hasPermissions,
  async () => {
    const path = newPath()
    const clock = manualClock({ startAt: Date.now() })
    const store = open(path, { clock })
    await store.create(entry('a'))
    await clock.advance(trustedMs)
    chmodSync(directory, 0o000)
    const refused = rejectsWith('ERR_STORE_UNAVAILABLE', /path: this process may not look for .*\.db/)
    await asNobody(() => assert.rejects(store.read(['a']), refused))
    chmodSync(directory, 0o755)
    assert.deepEqual(await keysIn(store, 'a'), ['a'])
  },
)

test('a damaged file is named by every operation and never written to', async () => {
  const path = newPath()
  const before = open(path)
  for (let i = 0; i < 200; i++) await before.create(entry(`key-${i}`, new Uint8Array(1_000)))
  await before.close()
  const intact = readFileSync(path)
  const damaged = Buffer.from(intact).fill(0xaa, 4_096)
  writeFileSync(path, damaged)
  const store = open(path)
  await assertAllReject(store, 'ERR_STORE_CORRUPT', new RegExp(`${path} is damaged; restore it from a backup`))
  assert.ok(readFileSync(path).equals(damaged))
  writeFileSync(path, intact)
  assert.deepEqual(await keysIn(store, 'key-7'), ['key-7'])
})

test('a file that was cut off is damaged, not empty', async () => {
  const path = newPath()
  const before = open(path)
  for (let i = 0; i < 200; i++) await before.create(entry(`key-${i}`, new Uint8Array(1_000)))
  await before.close()
  writeFileSync(path, readFileSync(path).subarray(0, 8_192))
  await assert.rejects(open(path).read(['key-7']), rejectsWith('ERR_STORE_CORRUPT', /is damaged/))
})

test('a file that is no database is named by every operation and left as it is', async () => {
  const path = newPath()
  const text = 'to whom it may concern\n'.repeat(300)
  writeFileSync(path, text)
  await assertAllReject(open(path), 'ERR_STORE_CORRUPT', new RegExp(`${path} is not an SQLite database`))
  assert.equal(readFileSync(path, 'utf8'), text)
})

test('a file somebody keeps locked is unavailable for writes in the time allowed; reads go on', async () => {
  const path = newPath()
  const store = open(path, { operationTimeoutMs: 50 })
  await store.create(entry('a'))
  const holder = new DatabaseSync(path)
  holder.exec('BEGIN IMMEDIATE')
  const locked = rejectsWith('ERR_STORE_UNAVAILABLE', /other connections kept the database locked for 50 ms/)
  await assert.rejects(store.create(entry('b')), locked)
  await assert.rejects(store.remove({ key: 'a' }), locked)
  assert.deepEqual(await keysIn(store, 'a', 'b'), ['a'])
  holder.close()
  await store.create(entry('b'))
  assert.deepEqual(await keysIn(store, 'a', 'b'), ['a', 'b'])
})

test('a file locked for itself alone is unavailable for reads too', async () => {
  const path = newPath()
  await open(path).ping()
  await stores.pop()?.close()
  const holder = new DatabaseSync(path)
  holder.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE x (y)')
  const store = open(path, { operationTimeoutMs: 50 })
  await assert.rejects(store.read(['a']), rejectsWith('ERR_STORE_UNAVAILABLE', /locked for 50 ms/))
  holder.close()
  await store.ping()
})

/** A file with `kept` in it and a backup of it; then `later` was written, and is in the log only. */
async function fileWithBackup(store: Store, path: string): Promise<string> {
  await store.init({ maxStalenessMs: 7_000 })
  await store.create(entry('kept'))
  const copy = `${path}.backup`
  const source = new DatabaseSync(path)
  await backup(source, copy)
  source.close()
  await store.create(entry('later'))
  return copy
}

test('a backup moved over a live file is what everybody sees from then on, whole', async () => {
  const path = newPath()
  const clock = manualClock({ startAt: Date.now() })
  const [store, other] = [open(path, { clock }), open(path, { clock })]
  await other.ping()
  renameSync(await fileWithBackup(store, path), path)
  await clock.advance(trustedMs)
  assert.deepEqual(await keysIn(store, 'kept', 'later'), ['kept'])
  await store.create(entry('after'))
  assert.deepEqual(await keysIn(other, 'kept', 'later', 'after'), ['kept', 'after'])
  for (const each of stores.splice(0)) await each.close()
  assert.equal(integrityOf(path), 'ok')
  assert.deepEqual(await keysIn(open(path), 'kept', 'later', 'after'), ['kept', 'after'])
})

for (const [name, run] of everyOperation) {
  if (name === 'read') continue
  test(`${name} looks at once whether the file is still the one that is open, whatever a read trusts`, async () => {
    const path = newPath()
    const store = open(path, { clock: manualClock() })
    await store.ping()
    rmSync(path)
    await run(store)
    assert.equal(statSync(path, { throwIfNoEntry: false })?.isFile(), true)
  })
}

test('what was in the log of a file that was moved away goes into that file', async () => {
  const path = newPath()
  const clock = manualClock({ startAt: Date.now() })
  const store = open(path, { clock })
  const copy = await fileWithBackup(store, path)
  renameSync(path, `${path}.away`)
  renameSync(copy, path)
  await clock.advance(trustedMs)
  assert.deepEqual(await keysIn(store, 'kept', 'later'), ['kept'])
  await store.close()
  assert.equal(integrityOf(`${path}.away`), 'ok')
  assert.deepEqual(await keysIn(open(`${path}.away`), 'kept', 'later'), ['kept', 'later'])
})

test('the first of two stores to notice tidies up; the second does not disturb the new file', async () => {
  const path = newPath()
  const [one, other] = [open(path), open(path)]
  await other.ping()
  renameSync(await fileWithBackup(one, path), path)
  await one.create(entry('by one'))
  await other.create(entry('by other'))
  assert.deepEqual(await keysIn(one, 'kept', 'by one', 'by other'), ['kept', 'by one', 'by other'])
  for (const each of stores.splice(0)) await each.close()
  assert.equal(integrityOf(path), 'ok')
})

test('closing a store whose file was moved away leaves the file at its path alone', async () => {
  const path = newPath()
  const store = open(path)
  const copy = await fileWithBackup(store, path)
  renameSync(copy, path)
  await store.close()
  assert.equal(integrityOf(path), 'ok')
  assert.deepEqual(await keysIn(open(path), 'kept', 'later'), ['kept'])
  assert.equal(statSync(`${path}-wal`, { throwIfNoEntry: false })?.isFile() ?? true, true)
})

test('a file deleted while open is made anew, with the staleness promised before', async () => {
  const path = newPath()
  const store = open(path)
  await fileWithBackup(store, path)
  const before = await store.epochs([])
  rmSync(path)
  const afterwards = await store.epochs([])
  assert.notEqual(afterwards.incarnation, before.incarnation)
  assert.equal(afterwards.maxStalenessMs, 7_000)
  await store.create(entry('new'))
  for (const each of stores.splice(0)) await each.close()
  assert.deepEqual(await keysIn(open(path), 'kept', 'later', 'new'), ['new'])
})

test('without autoMigrate a file deleted while open is not made anew', async () => {
  const path = newPath()
  await open(path).ping()
  await stores.pop()?.close()
  const store = open(path, { autoMigrate: false })
  await store.ping()
  rmSync(path)
  await assert.rejects(store.ping(), rejectsWith('ERR_STORE_MISMATCH', /autoMigrate/))
  assert.equal(statSync(path, { throwIfNoEntry: false }), undefined)
})

test('a copy of a closed file is another store under another path, with the same incarnation', async () => {
  const path = newPath()
  const store = open(path)
  await store.create(entry('a'))
  const { incarnation } = await store.epochs([])
  await store.close()
  copyFileSync(path, `${path}.copy`)
  const copy = open(`${path}.copy`)
  assert.deepEqual(await keysIn(copy, 'a'), ['a'])
  assert.equal((await copy.epochs([])).incarnation, incarnation)
})
