import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandFrom, usage, UsageError } from './command-line.ts'

const usual = { tableName: 'oidc_cache', verifierTableName: undefined, unlogged: false, jsonb: false }

function wrong(args: string, message: RegExp, env: NodeJS.ProcessEnv = {}): void {
  assert.throws(
    () => commandFrom(args.split(' '), env),
    (error) => {
      assert.ok(error instanceof UsageError)
      assert.match(error.message, message)
      return true
    },
  )
}

for (const args of [[], ['--help'], ['-h'], ['schema', 'apply', '--help']]) {
  test(`[${args.join(' ')}] asks for help`, () => {
    assert.deepEqual(commandFrom(args, {}), { kind: 'help' })
  })
}

test('the schema of a database is printed, from nothing by default', () => {
  const command = commandFrom(['schema', '--database', 'mysql'], {})
  assert.deepEqual(command, { kind: 'print', database: 'mysql', from: 'empty', choice: usual })
})

test('every option of a print command is taken', () => {
  const args =
    'schema --database postgres --from plain --table-name a --verifier-table-name b --unlogged --jsonb'.split(' ')
  const choice = { tableName: 'a', verifierTableName: 'b', unlogged: true, jsonb: true }
  assert.deepEqual(commandFrom(args, {}), { kind: 'print', database: 'postgres', from: 'plain', choice })
})

for (const [url, database] of [
  ['sqlite://a.db', 'sqlite'],
  ['postgres://host/db', 'postgres'],
  ['postgresql://host/db', 'postgres'],
  ['mysql://host/db', 'mysql'],
  ['mariadb://host/db', 'mysql'],
] as const) {
  test(`${url} is applied to ${database}`, () => {
    assert.deepEqual(commandFrom(['schema', 'apply', url], {}), { kind: 'apply', database, url, choice: usual })
  })
}

test('the connection URL is taken from the environment, unless one is given', () => {
  const env = { SALLYPORT_DATABASE_URL: 'sqlite://env.db' }
  const urlOf = (...args: string[]): unknown =>
    ({ url: undefined, ...commandFrom(['schema', 'apply', ...args], env) }).url
  assert.equal(urlOf(), 'sqlite://env.db')
  assert.equal(urlOf('sqlite://given.db'), 'sqlite://given.db')
})

for (const [args, message] of [
  ['tables', /no command tables/],
  ['schema drop', /no command schema drop/],
  ['schema', /--database is missing: sqlite, postgres, mysql/],
  ['schema --database oracle', /--database must be one of sqlite, postgres, mysql/],
  ['schema --database toString', /--database must be one of/],
  ['schema --database sqlite --from zero', /--from must be one of empty, plain/],
  ['schema --database sqlite --table x', /--table/],
  ['schema --database', /--database/],
  ['schema --database sqlite --unlogged', /--unlogged means nothing to SQLite/],
  ['schema --database mysql --jsonb', /--jsonb means nothing to MySQL/],
  ['schema --database sqlite --table-name a-b', /--table-name must be 1 to 52 letters/],
  ['schema --database sqlite --verifier-table-name pg_x', /--verifier-table-name must not start/],
  ['schema --database sqlite --verifier-table-name oidc_cache', /--verifier-table-name must be another name/],
  ['schema apply', /needs a connection URL, as an argument or in SALLYPORT_DATABASE_URL/],
  ['schema apply sqlite://a.db sqlite://b.db', /takes one connection URL/],
  ['schema apply sqlite://a.db --from plain', /leave out --from/],
  ['schema apply sqlite://a.db --jsonb', /--jsonb means nothing to SQLite/],
  ['schema apply sqlite://a.db --database mysql', /--database says mysql, the connection URL sqlite/],
] as const) {
  test(`[${args}] makes no sense, and it is said why`, () => wrong(args, message))
}

test('an empty URL in the environment is none', () => {
  wrong('schema apply', /needs a connection URL/, { SALLYPORT_DATABASE_URL: '' })
})

test('a connection URL of another database is refused and not shown', () => {
  wrong('schema apply redis://user:hunter2@host', /^the connection URL must start with sqlite:\/\/, postgres:\/\/, /)
  wrong('schema apply', /^((?!hunter2).)*$/, { SALLYPORT_DATABASE_URL: 'redis://user:hunter2@host' })
})

test('the usage names every option there is', () => {
  for (const option of ['--database', '--from', '--table-name', '--verifier-table-name', '--unlogged', '--jsonb'])
    assert.ok(usage.includes(option), option)
})
