import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { sqliteFiles, tamper } from '../../test/support/sqlite-files.ts'
import type { NewEntry, Store, WriteOutcome } from '../cache/store.ts'
import { isSallyportError } from '../shared/errors.ts'
import type { ErrorCode } from '../shared/errors.ts'
import { manualClock } from '../testing/manual-clock.ts'

const { directory, newPath, open } = sqliteFiles()

function entry(key: string, rest: Partial<NewEntry> = {}): NewEntry {
  return { key, value: Uint8Array.of(1, 2, 3), lifetime: { idleMs: 60_000 }, ...rest }
}

async function versionOf(store: Store, key: string): Promise<number | undefined> {
  return (await store.read([key])).entries[0]?.version
}

function rejectsWith(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isSallyportError(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  }
}

function onInsertOf(key: string, statement: string): string {
  return `CREATE TRIGGER spoiler BEFORE INSERT ON oidc_cache WHEN NEW.cache_key = '${key}' BEGIN ${statement}; END`
}

test('making a store touches no file; the first operation creates it, for its owner only', async () => {
  const path = newPath()
  const store = open(path)
  assert.equal(statSync(path, { throwIfNoEntry: false }), undefined)
  await store.ping()
  assert.equal(statSync(path).mode & 0o777, 0o600)
})

test('a file that exists keeps its permissions', async () => {
  const path = newPath()
  writeFileSync(path, '', { mode: 0o640 })
  await open(path).ping()
  assert.equal(statSync(path).mode & 0o777, 0o640)
})

test('a row is readable by people: the three plain columns come first, seconds are rounded up', async () => {
  const path = newPath()
  const store = open(path, { clock: manualClock({ startAt: 1_700_000_000_500 }) })
  await store.create(entry('session:abc', { lifetime: { idleMs: 60_000 } }))
  await store.close()
  const database = new DatabaseSync(path)
  const row = database.prepare('SELECT * FROM oidc_cache').get() ?? {}
  const mode = database.prepare('PRAGMA journal_mode').get()
  database.close()
  assert.deepEqual(Object.keys(row).slice(0, 3), ['cache_key', 'cache_value', 'expires_at'])
  assert.equal(row.cache_key, 'session:abc')
  assert.equal(row.expires_at, 1_700_000_061)
  assert.equal(mode?.journal_mode, 'wal')
})

test('tables of another name in the same file are another store', async () => {
  const path = newPath()
  const [sessions, verifiers] = [open(path, { tableName: 'sessions' }), open(path, { tableName: 'order' })]
  await sessions.create(entry('a'))
  assert.equal(await versionOf(verifiers, 'a'), undefined)
  await sessions.remove({ key: 'a' })
  const epochs = await verifiers.epochs([])
  assert.deepEqual(new Set(epochs.numbers), new Set([0]))
  assert.notEqual(epochs.incarnation, (await sessions.epochs([])).incarnation)
})

test('an orderly end leaves one file, without a log beside it', async () => {
  const path = newPath()
  const store = open(path)
  await store.create(entry('a'))
  await store.close()
  assert.equal(statSync(`${path}-wal`, { throwIfNoEntry: false }), undefined)
})

test('a missing directory is named, and the store works once it is there', async () => {
  const path = join(directory, 'later', 'sessions.db')
  const store = open(path)
  const named = rejectsWith('ERR_STORE_UNAVAILABLE', /path: the directory .*later does not exist/)
  await assert.rejects(store.ping(), named)
  mkdirSync(join(directory, 'later'))
  await store.ping()
})

test('a path that is a directory is named', async () => {
  await assert.rejects(open(directory).ping(), rejectsWith('ERR_STORE_UNAVAILABLE', /path: .* is a directory/))
})

test('a path below a file is named', async () => {
  const path = newPath()
  writeFileSync(path, '')
  const below = open(join(path, 'sessions.db'))
  await assert.rejects(below.ping(), rejectsWith('ERR_STORE_UNAVAILABLE', /is not a directory/))
})

for (const content of ['no database', 'no database, and longer than any header of one '.repeat(100)]) {
  test(`a file of ${content.length} bytes that is no database is named`, async () => {
    const path = newPath()
    writeFileSync(path, content)
    await assert.rejects(open(path).ping(), rejectsWith('ERR_STORE_CORRUPT', new RegExp(`${path} is not an SQLite`)))
    assert.equal(readFileSync(path, 'utf8'), content)
  })
}

test('a damaged database is named, and no entry in it is taken for absent', async () => {
  const path = newPath()
  const store = open(path)
  for (let i = 0; i < 200; i++) await store.create(entry(`key-${i}`, { value: new Uint8Array(1_000) }))
  await store.close()
  const content = readFileSync(path)
  writeFileSync(path, content.fill(0xaa, 4_096))
  const damaged = open(path)
  await assert.rejects(damaged.read(['key-7']), rejectsWith('ERR_STORE_CORRUPT', new RegExp(path)))
})

test("somebody else's table of that name is refused and left alone", async () => {
  const path = newPath()
  tamper(path, 'CREATE TABLE oidc_cache (cache_key VARCHAR(255) PRIMARY KEY, cache_value TEXT, expiry INTEGER)')
  await assert.rejects(
    open(path).ping(),
    rejectsWith('ERR_STORE_MISMATCH', /oidc_cache.*no column expires_at, version/),
  )
  const database = new DatabaseSync(path)
  assert.equal(database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()?.tables, 2)
  database.close()
})

test('a store of another number of buckets is refused', async () => {
  const path = newPath()
  await open(path).ping()
  tamper(path, 'UPDATE oidc_cache_meta SET buckets = 16')
  await assert.rejects(open(path).init({ maxStalenessMs: 1 }), rejectsWith('ERR_STORE_MISMATCH', /16 epoch buckets/))
})

test('a store of a later release is refused', async () => {
  const path = newPath()
  await open(path).ping()
  tamper(path, 'UPDATE oidc_cache_meta SET schema_version = 99')
  await assert.rejects(open(path).ping(), rejectsWith('ERR_STORE_MISMATCH', /schema version 99/))
})

test('tables dropped under way make the store unavailable, then it makes new ones', async () => {
  const path = newPath()
  const store = open(path)
  await store.create(entry('a'))
  tamper(path, 'DROP TABLE oidc_cache')
  await assert.rejects(store.read(['a']), rejectsWith('ERR_STORE_UNAVAILABLE', /did not answer/))
  assert.equal(await versionOf(store, 'a'), undefined)
})

for (const [how, replace] of [
  ['deleted', () => {}],
  ['replaced', (path: string) => tamper(path, 'CREATE TABLE something (x)')],
] as const) {
  test(`the poll notices that the file was ${how}: another incarnation, and everybody writes to the new one`, async () => {
    const path = newPath()
    const store = open(path)
    await store.init({ maxStalenessMs: 7_000 })
    await store.create(entry('old'))
    const before = await store.epochs([])
    for (const suffix of ['', '-wal', '-shm']) renameSync(path + suffix, `${path}.away${suffix}`)
    replace(path)
    const afterwards = await store.epochs([])
    assert.notEqual(afterwards.incarnation, before.incarnation)
    assert.equal(afterwards.maxStalenessMs, 7_000)
    assert.equal(await versionOf(store, 'old'), undefined)
    await store.create(entry('new'))
    assert.equal(await versionOf(open(path), 'new'), 1)
  })
}

test('a file that was replaced is not written to any more, also where nobody polls', async () => {
  const path = newPath()
  const store = open(path)
  await store.create(entry('old'))
  for (const suffix of ['', '-wal', '-shm']) renameSync(path + suffix, `${path}.away${suffix}`)
  const other = open(path)
  await other.ping()
  await store.create(entry('new'))
  assert.equal(await versionOf(other, 'new'), 1)
})

test('a second store on an open file ends no lock of the first', { skip: process.platform !== 'linux' }, async () => {
  const path = newPath()
  await open(path).ping()
  const { ino } = statSync(path)
  const locks = (): string[] =>
    readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .filter((line) => line.includes(` ${process.pid} `) && line.includes(`:${ino} `))
  assert.equal(locks().length, 1)
  await open(path).ping()
  assert.equal(locks().length, 1)
})

test('the greatest staleness any store on the file promised is kept', async () => {
  const path = newPath()
  const [one, other] = [open(path), open(path)]
  await one.init({ maxStalenessMs: 5_000 })
  await other.init({ maxStalenessMs: 2_000 })
  assert.equal((await one.epochs([])).maxStalenessMs, 5_000)
})

test('close ends what waits for a lock at once, without a tick of the clock', async () => {
  const path = newPath()
  const clock = manualClock()
  const store = open(path, { clock })
  await store.ping()
  const holder = new DatabaseSync(path)
  holder.exec('BEGIN IMMEDIATE')
  const rejected = assert.rejects(store.create(entry('a')), rejectsWith('ERR_CLOSED', /closed/))
  await clock.advance(100)
  await store.close()
  await rejected
  assert.equal(clock.pending(), 0)
  holder.close()
})

test('an expired entry that was removed stays away when the wall clock is set back', async () => {
  const clock = manualClock()
  const store = open(newPath(), { clock })
  await store.create(entry('a', { indexes: { subject: 'alice' } }))
  await store.create(entry('b'))
  clock.stepWall(3_600_000)
  await store.remove({ index: 'subject', values: ['alice'] })
  await store.remove({ key: 'b' })
  clock.stepWall(-3_600_000)
  assert.deepEqual((await store.read(['a', 'b'])).entries, [undefined, undefined])
})

test('numbers rise also while the wall clock is set back', async () => {
  const clock = manualClock()
  const store = open(newPath(), { clock })
  const first = (await store.remove({ key: 'a' })).bumps[0]
  clock.stepWall(-3_600_000)
  const second = (await store.remove({ key: 'a' })).bumps[0]
  assert.equal(second?.prev, first?.n)
  assert.equal(second?.n, (first?.n ?? 0) + 1)
})

test('an entry expired for less than a second is swept', async () => {
  const clock = manualClock({ startAt: 1_700_000_000_100 })
  const store = open(newPath(), { clock })
  await store.create(entry('dead', { lifetime: { idleMs: 200 } }))
  await store.create(entry('alive', { lifetime: { idleMs: 201 } }))
  await clock.advance(200)
  assert.equal(await store.sweep(10), 1)
  assert.equal(await versionOf(store, 'alive'), 1)
})

test('an error tells the key of an entry to nobody', async () => {
  const path = newPath()
  const store = open(path)
  await store.create(entry('secret-key'))
  tamper(path, 'ALTER TABLE oidc_cache RENAME TO away')
  const failed = await store.take('secret-key').then(
    () => assert.fail('it worked'),
    (error: Error) => error,
  )
  assert.ok(failed.cause instanceof Error)
  assert.doesNotMatch(`${failed.message} ${failed.stack} ${failed.cause.message}`, /secret-key/)
})

test('a unit that fails leaves nothing behind, and the store goes on', async () => {
  const store = open(newPath())
  await store.create(entry('a'))
  const noBytes = { value: 'text' as unknown as Uint8Array, bump: true, lifetime: { idleMs: Number.NaN } }
  await assert.rejects(store.replace('a', 1, noBytes))
  assert.equal(await versionOf(store, 'a'), 1)
  assert.equal((await store.replace('a', 1, { value: new Uint8Array(1), bump: true })).outcome, 'replaced')
})

/** Creates `a`, `b` and `c` in one go. */
function createThree(store: Store): Promise<WriteOutcome[]> {
  return store.writeMany!(['a', 'b', 'c'].map((key) => ({ operation: 'create', entry: entry(key) })))
}

async function versionsOfThree(store: Store): Promise<(number | undefined)[]> {
  return (await store.read(['a', 'b', 'c'])).entries.map((found) => found?.version)
}

test('one of several writes that fails half-way is undone and unavailable; the others are kept', async () => {
  const path = newPath()
  const store = open(path)
  await createThree(store)
  tamper(path, `CREATE TRIGGER spoiler BEFORE INSERT ON oidc_cache_epoch BEGIN SELECT RAISE(ABORT, 'no bump'); END`)
  const [a, b, c] = await store.writeMany!(
    ['a', 'b', 'c'].map((key) => ({
      operation: 'replace',
      key,
      version: 1,
      change: { value: new Uint8Array(1), bump: key === 'b' },
    })),
  )
  assert.ok(a && b && c && 'reply' in a && 'error' in b && 'reply' in c)
  assert.ok(rejectsWith('ERR_STORE_UNAVAILABLE', /did not answer/)(b.error))
  assert.deepEqual(await versionsOfThree(store), [2, 1, 2])
})

/** Gives `a`, `b` and `c` other values in one go, each by a single statement. */
function changeThree(store: Store): Promise<WriteOutcome[]> {
  const change = { value: new Uint8Array(1), bump: false }
  return store.writeMany!(['a', 'b', 'c'].map((key) => ({ operation: 'replace', key, version: 1, change })))
}

const onChangeOfB = (what: string): string =>
  `CREATE TRIGGER spoiler AFTER UPDATE ON oidc_cache WHEN NEW.cache_key = 'b' BEGIN ${what}; END`

test('one of several single statements that fails is undone and unavailable; the others are kept', async () => {
  const path = newPath()
  const store = open(path)
  await createThree(store)
  tamper(path, onChangeOfB("SELECT RAISE(ABORT, 'not b')"))
  const [a, b, c] = await changeThree(store)
  assert.ok(a && b && c && 'reply' in a && 'error' in b && 'reply' in c)
  assert.ok(rejectsWith('ERR_STORE_UNAVAILABLE', /did not answer/)(b.error))
  assert.deepEqual(await versionsOfThree(store), [2, 1, 2])
})

test('one of several single statements that fails but is not undone by itself is undone all the same', async () => {
  const path = newPath()
  const store = open(path)
  await createThree(store)
  tamper(path, onChangeOfB("SELECT RAISE(FAIL, 'not b, but kept')"))
  const [a, b, c] = await changeThree(store)
  assert.ok(a && b && c && 'reply' in a && 'error' in b && 'reply' in c)
  assert.deepEqual(await versionsOfThree(store), [2, 1, 2])
})

test('several single statements that SQLite rolls back in the middle all fail, the later ones too', async () => {
  const path = newPath()
  const store = open(path)
  await createThree(store)
  tamper(path, onChangeOfB("SELECT RAISE(ROLLBACK, 'nothing at all')"))
  await assert.rejects(changeThree(store), (error: Error) => /nothing at all/.test(String(error.cause)))
  assert.deepEqual(await versionsOfThree(store), [1, 1, 1])
})

test('several writes that SQLite rolls back in the middle all fail, the later ones too', async () => {
  const path = newPath()
  const store = open(path)
  await store.ping()
  tamper(path, onInsertOf('b', "SELECT RAISE(ROLLBACK, 'nothing at all')"))
  await assert.rejects(createThree(store), (error: Error) => /nothing at all/.test(String(error.cause)))
  assert.deepEqual(await versionsOfThree(store), [undefined, undefined, undefined])
})

test('several writes that cannot be committed all fail', async () => {
  const path = newPath()
  const store = open(path)
  await store.ping()
  tamper(
    path,
    'CREATE TABLE parent (id PRIMARY KEY); CREATE TABLE child (id REFERENCES parent DEFERRABLE INITIALLY DEFERRED)',
  )
  tamper(path, onInsertOf('b', 'INSERT INTO child VALUES (1)'))
  await assert.rejects(createThree(store), rejectsWith('ERR_STORE_UNAVAILABLE', /did not answer/))
  assert.deepEqual(await versionsOfThree(store), [undefined, undefined, undefined])
})

test('a page mark that is none is a TypeError', async () => {
  const store = open(newPath())
  await assert.rejects(store.list({ index: 'subject', values: ['alice'], after: 'nonsense' }), TypeError)
})
