import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { sqliteStore } from '../stores/sqlite.ts'
import { usage } from './command-line.ts'
import { run } from './run.ts'

const directory = mkdtempSync(join(tmpdir(), 'sallyport-cli-'))
after(() => rmSync(directory, { recursive: true }))
let files = 0

function newPath(): string {
  return join(directory, `${++files}.db`)
}

interface Outcome {
  status: number
  printed: string
  complained: string
}

async function ran(args: string, env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const told = { printed: '', complained: '' }
  const status = await run(args.split(' '), {
    env,
    print: (text) => void (told.printed += text),
    complain: (text) => void (told.complained += text),
  })
  return { status, ...told }
}

/** What is in the file, as it was declared. */
function declared(path: string): unknown[] {
  const database = new DatabaseSync(path)
  const found = database.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY type, name').all()
  database.close()
  return found.map((row) => ({ ...row }))
}

function execute(path: string, sql: string): void {
  const database = new DatabaseSync(path)
  database.exec(sql)
  database.close()
}

const plainTable = `CREATE TABLE oidc_cache (cache_key TEXT PRIMARY KEY, cache_value TEXT, expires_at INTEGER);
  INSERT INTO oidc_cache VALUES ('a', 'b', 9000000000)`

test('help is printed and is no failure', async () => {
  assert.deepEqual(await ran('--help'), { status: 0, printed: usage, complained: '' })
})

test('a command line that makes no sense is status 2: what is wrong, then the usage; nothing is printed', async () => {
  const { status, printed, complained } = await ran('schema --database oracle')
  assert.deepEqual([status, printed], [2, ''])
  assert.ok(complained.startsWith('sallyport: --database must be one of'))
  assert.ok(complained.endsWith(usage))
})

for (const database of ['sqlite', 'postgres', 'mysql']) {
  for (const [from, name] of [
    ['empty', '001-create.sql'],
    ['plain', '002-upgrade-plain-table.sql'],
  ] as const) {
    test(`the script of ${database} from ${from} says what it is, how it is run, and names the tables`, async () => {
      const { status, printed } = await ran(`schema --database ${database} --from ${from} --table-name mine`)
      assert.equal(status, 0)
      assert.ok(printed.startsWith(`-- ${name}: `), printed.slice(0, 80))
      assert.match(printed, /^-- sallyport, schema version 1, .*; run it with: .+$/m)
      for (const table of ['mine', 'mine_epoch', 'mine_meta']) assert.match(printed, new RegExp(`["\`]${table}["\`]`))
      assert.doesNotMatch(printed, /oidc_cache/)
    })
  }
}

test('the script from nothing makes what the store itself makes, and the store has nothing to add', async () => {
  const [byScript, byStore] = [newPath(), newPath()]
  execute(byScript, (await ran('schema --database sqlite --verifier-table-name v')).printed)
  for (const [path, autoMigrate] of [
    [byStore, true],
    [byScript, false],
  ] as const) {
    const store = sqliteStore({ path, autoMigrate, verifierTableName: 'v' })
    await store.ping()
    await store.close()
  }
  assert.deepEqual(declared(byScript), declared(byStore))
})

test('the script for a plain table keeps its rows', async () => {
  const path = newPath()
  execute(path, plainTable)
  execute(path, (await ran('schema --database sqlite --from plain')).printed)
  const store = sqliteStore({ path, autoMigrate: false })
  assert.equal((await store.read(['a'])).entries[0]?.version, 1)
  await store.close()
})

test('a script that fails half-way leaves nothing behind', async () => {
  const path = newPath()
  execute(path, 'CREATE TABLE oidc_cache_sid (x)')
  const before = declared(path)
  const { printed } = await ran('schema --database sqlite')
  assert.throws(() => execute(path, printed))
  assert.deepEqual(declared(path), before)
})

test('apply makes the tables and says what it ran; the second time there is nothing to do', async () => {
  const url = `sqlite://${newPath()}`
  const first = await ran(`schema apply ${url}`)
  assert.deepEqual([first.status, first.complained], [0, ''])
  assert.match(first.printed, /^ran 7 statements for the SQLite tables of oidc_cache:\n {2}CREATE TABLE "oidc_cache"\n/)
  const second = await ran(`schema apply ${url}`)
  const nothing = 'nothing to do: the SQLite tables of oidc_cache are as this release needs them'
  assert.deepEqual(second, { status: 0, printed: nothing, complained: '' })
})

test('apply takes the URL from SALLYPORT_DATABASE_URL', async () => {
  const path = newPath()
  const { status } = await ran('schema apply --table-name mine', { SALLYPORT_DATABASE_URL: `sqlite://${path}` })
  assert.equal(status, 0)
  const store = sqliteStore({ path, tableName: 'mine', autoMigrate: false })
  await store.ping()
  await store.close()
})

test('apply upgrades a plain table and keeps its rows', async () => {
  const path = newPath()
  execute(path, plainTable)
  assert.equal((await ran(`schema apply sqlite://${path}`)).status, 0)
  const store = sqliteStore({ path, autoMigrate: false })
  assert.equal((await store.read(['a'])).entries[0]?.version, 1)
  await store.close()
})

test('apply promises nobody any staleness', async () => {
  const path = newPath()
  await ran(`schema apply sqlite://${path}`)
  const store = sqliteStore({ path })
  assert.equal((await store.epochs([])).maxStalenessMs, 0)
  await store.close()
})

test("somebody else's table is status 1 and left alone", async () => {
  const path = newPath()
  execute(path, 'CREATE TABLE oidc_cache (id INTEGER)')
  const before = declared(path)
  const { status, printed, complained } = await ran(`schema apply sqlite://${path}`)
  assert.deepEqual([status, printed], [1, ''])
  assert.match(complained, /^sallyport: the table "oidc_cache" is not one of sallyport's/)
  assert.deepEqual(declared(path), before)
})

test('a database that cannot be reached is status 1, with what was said as the reason', async () => {
  const path = newPath()
  writeFileSync(path, 'no database at all, though it is long enough '.repeat(100))
  const { status, complained } = await ran(`schema apply sqlite://${path}`)
  assert.equal(status, 1)
  assert.match(complained, /is not an SQLite database \(.+\)$/)
})

test('a URL that is wrong in itself is status 1, and a password in it is not shown', async () => {
  const { status, complained } = await ran('schema apply sqlite://a.db?password=hunter2')
  assert.equal(status, 1)
  assert.match(complained, /takes no parameters/)
  assert.doesNotMatch(complained, /hunter2/)
})

const program = fileURLToPath(new URL('./sallyport.ts', import.meta.url))

function started(
  args: string[],
  env: NodeJS.ProcessEnv = {},
): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['--no-warnings', program, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, ...env },
  })
}

test('the program prints to its output, complains on the other one, and ends with the status', () => {
  const path = newPath()
  const applied = started(['schema', 'apply'], { SALLYPORT_DATABASE_URL: `sqlite://${path}` })
  assert.deepEqual([applied.status, applied.stderr], [0, ''])
  assert.match(applied.stdout, /^ran 7 statements .*\n$/s)
  assert.ok(statSync(path).isFile())
  const refused = started(['schema', 'apply', `sqlite://${directory}`])
  assert.deepEqual([refused.status, refused.stdout], [1, ''])
  assert.match(refused.stderr, /is a directory/)
  const senseless = started(['tables'])
  assert.deepEqual([senseless.status, senseless.stdout], [2, ''])
})
