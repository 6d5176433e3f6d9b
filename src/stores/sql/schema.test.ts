import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasCode, SallyportError } from '../../shared/errors.ts'
import { dataTables, pendingStatements, tableNames, tableOf, withEnding } from './schema.ts'
import type { FoundSchema, SchemaStatements } from './schema.ts'

const quote = (name: string): string => `"${name}"`
const one = tableNames('t', undefined, quote)
const two = tableNames('t', 'v', quote)

const entryColumns = [
  'cache_key',
  'cache_value',
  'expires_at',
  'version',
  'expires_ms',
  'absolute_expires_ms',
  'subject_hash',
  'sid_hash',
  'label',
  'created_at',
  'last_accessed_at',
]
const plain = entryColumns.slice(0, 3)
const epoch = ['bucket', 'n', 'recent']
const meta = ['id', 'schema_version', 'incarnation', 'buckets', 'max_staleness_ms']

const statements: SchemaStatements = {
  create: (table) => [`create ${table}`, `index ${table}`],
  upgrade: (table) => [`upgrade ${table}`],
  support: () => ['support'],
}

/** A database with these tables; `row` is that of the meta table. */
function found(tables: Record<string, string[]>, row?: FoundSchema['meta']): FoundSchema {
  return { tables: new Map(Object.entries(tables).map(([name, columns]) => [quote(name), columns])), meta: row }
}

const ours = { t: entryColumns, t_epoch: epoch, t_meta: meta }
const row = { schemaVersion: 1, buckets: 256 }

function mismatch(message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof SallyportError && hasCode(error, 'ERR_STORE_MISMATCH'))
    assert.match(error.message, message)
    assert.match(error.message, /choose another `tableName`$/)
    return true
  }
}

test('an empty database needs everything, in the order of its making', () => {
  assert.deepEqual(pendingStatements(one, found({}), statements), ['create "t"', 'index "t"', 'support'])
})

test('a table for verifiers is made like the other one', () => {
  const all = ['create "t"', 'index "t"', 'create "v"', 'index "v"', 'support']
  assert.deepEqual(pendingStatements(two, found({}), statements), all)
})

test('where all is as it should be there is nothing to do', () => {
  assert.deepEqual(pendingStatements(one, found(ours, row), statements), [])
})

test('a table for verifiers that comes later is all there is to do', () => {
  assert.deepEqual(pendingStatements(two, found(ours, row), statements), ['create "v"', 'index "v"'])
})

test('a plain table is upgraded, in whatever order its columns are', () => {
  for (const columns of [plain, [...plain].reverse()])
    assert.deepEqual(pendingStatements(one, found({ t: columns }), statements), ['upgrade "t"', 'support'])
})

test('more columns than ours are fine', () => {
  assert.deepEqual(pendingStatements(one, found({ ...ours, t: [...entryColumns, 'note'] }, row), statements), [])
})

for (const [what, tables, meant] of [
  ['without the epoch table', { t: entryColumns, t_meta: meta }, row],
  ['without the meta table', { t: entryColumns, t_epoch: epoch }, undefined],
  ['whose meta table is empty', ours, undefined],
] as const) {
  test(`a database ${what} is completed`, () => {
    assert.deepEqual(pendingStatements(one, found(tables, meant), statements), ['support'])
  })
}

for (const [what, tables, message] of [
  [
    'a table of entries without some columns',
    { t: ['cache_key', 'cache_value', 'expiry'] },
    /"t" .*no column expires_at/,
  ],
  ['a plain table with a column more', { t: [...plain, 'note'] }, /"t" .*no column version, expires_ms/],
  ['a plain table with a column less', { t: plain.slice(1) }, /"t" .*no column cache_key/],
  ["somebody else's epoch table", { ...ours, t_epoch: ['bucket', 'size'] }, /"t_epoch" .*no column n, recent/],
  ["somebody else's meta table", { ...ours, t_meta: ['id', 'title'] }, /"t_meta" .*no column schema_version/],
  ["somebody else's table where verifiers belong", { ...ours, v: ['id'] }, /"v" .*no column cache_key/],
] as [string, Record<string, string[]>, RegExp][]) {
  test(`${what} is refused`, () => {
    assert.throws(() => pendingStatements(two, found(tables), statements), mismatch(message))
  })
}

for (const [what, columns] of [
  ['plain table', plain],
  ['table of entries', entryColumns],
] as const) {
  test(`a ${what} that is not keyed by cache_key is refused`, () => {
    const schema = { ...found({ t: columns }), keyedOtherwise: new Set(['"t"']) }
    assert.throws(() => pendingStatements(one, schema, statements), mismatch(/primary key is not cache_key/))
  })
}

test('a later schema version and another number of buckets are refused', () => {
  const later = found(ours, { ...row, schemaVersion: 2 })
  assert.throws(() => pendingStatements(one, later, statements), mismatch(/schema version 2.* knows 1/))
  const other = found(ours, { ...row, buckets: 16 })
  assert.throws(() => pendingStatements(one, other, statements), mismatch(/16 epoch buckets.* has 256/))
})

test('only code verifiers are in the table for verifiers', () => {
  assert.deepEqual(
    ['cv:1', 'session:1', 'xcv:1', 'cv'].map((key) => tableOf(two, key)),
    ['"v"', '"t"', '"t"', '"t"'],
  )
  assert.equal(tableOf(one, 'cv:1'), '"t"')
})

test('one table that is used for both counts once', () => {
  assert.deepEqual([dataTables(one), dataTables(two)], [['"t"'], ['"t"', '"v"']])
})

test('an ending goes inside the quotes', () => {
  assert.equal(withEnding('"t"', 'sid'), '"t_sid"')
  assert.equal(withEnding('`t`', 'sid'), '`t_sid`')
})
