import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { schemaStatements, sqliteTables } from './schema.ts'
import { statements } from './statements.ts'
import type { EntryStatements } from './statements.ts'

const names = sqliteTables({ tableName: 'order', verifierTableName: 'select' })
const { create, support } = schemaStatements(names)
const database = new DatabaseSync(':memory:')
after(() => database.close())
for (const statement of [...create(names.data), ...create(names.verifiers), ...support()]) database.exec(statement)
const sql = statements(names)

/** Every statement by its name, those in groups too. */
function flat(group: object, path = ''): [name: string, statement: string][] {
  return Object.entries(group).flatMap(([name, each]): [string, string][] =>
    typeof each === 'string' ? [[path + name, each]] : flat(each as object, `${path}${name}.`),
  )
}

for (const [name, statement] of flat(sql)) {
  test(`SQLite understands ${name}, also in tables named like its own words`, () => {
    database.prepare(statement)
  })
}

test('there is one object for both kinds of entries unless verifiers have their own table', () => {
  const { data, verifiers } = statements(sqliteTables({ tableName: 'a', verifierTableName: undefined }))
  assert.equal(verifiers, data)
  assert.notEqual(sql.verifiers, sql.data)
})

function planOf(statement: string): string {
  return database
    .prepare(`EXPLAIN QUERY PLAN ${statement}`)
    .all()
    .map(({ detail }) => String(detail))
    .join('\n')
}

const byKey = ['live', 'known', 'aimed', 'change', 'update', 'prolong', 'delete'] as const
for (const name of byKey) {
  test(`${name} finds its row by the key`, () => {
    assert.match(planOf(sql.data[name]), /SEARCH order USING INDEX sqlite_autoindex_order_1 \(cache_key=\?\)/)
  })
}

for (const [path, index] of [
  ['under.subject', 'order_subject'],
  ['under.sid', 'order_sid'],
  ['page.subject', 'order_subject'],
  ['page.sid', 'order_sid'],
  ['sweep', 'order_expires_at'],
] as const) {
  test(`${path} finds its rows by ${index} and reads no table as a whole`, () => {
    const plan = planOf(new Map(flat(sql.data satisfies EntryStatements)).get(path) ?? '')
    assert.match(plan, new RegExp(`SEARCH order USING INDEX ${index} `))
    assert.doesNotMatch(plan, /SCAN order\b/)
  })
}

test('another value changes its row and no index', () => {
  const steps = database.prepare(`EXPLAIN ${sql.data.change}`).all()
  assert.deepEqual(
    steps.map(({ opcode }) => opcode).filter((opcode) => opcode === 'IdxInsert'),
    [],
  )
})

test('an epoch is found by its bucket', () => {
  assert.match(planOf(sql.epochs.one), /SEARCH order_epoch USING INTEGER PRIMARY KEY/)
})
