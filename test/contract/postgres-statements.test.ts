import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client } from 'pg'
import { postgresStatements } from '../../src/stores/postgres/statements.ts'
import type { Statement, Statements } from '../../src/stores/postgres/statements.ts'
import { tableNames } from '../../src/stores/sql/schema.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import type { FreshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

describe('statements', { skip: whyNotTested('postgres') }, () => {
  let database: FreshDatabase
  let client: Client
  before(async () => {
    database = await freshDatabase('postgres')
    client = new Client({ connectionString: database.url })
    await client.connect()
  })
  after(async () => {
    await client.end()
    await database.drop()
  })

  for (const jsonb of [false, true]) {
    for (const push of [false, true]) {
      test(`the server prepares every one of them (jsonb: ${jsonb}, push: ${push})`, async () => {
        const tableName = `t_${jsonb}_${push}`
        const verifierTableName = `${tableName}_verifiers`
        const store = postgresStore({ connectionString: database.url, tableName, verifierTableName, jsonb, push })
        await store.init({ maxStalenessMs: 1_000 })
        await store.close()
        const names = tableNames(tableName, verifierTableName, (name) => `"${name}"`)
        const channel = push ? `sallyport_${tableName}` : undefined
        const statements = allOf(postgresStatements(names, { jsonb, channel }))
        assert.equal(statements.length, 34)
        for (const { name, text } of statements) await client.query(`PREPARE ${name} AS ${text}`)
        assert.equal(new Set(statements.map(({ name }) => name)).size, statements.length)
      })
    }
  }
})

function allOf({ entries, page, keysUnder, removeUnder, epochs, ping }: Statements): Statement[] {
  const tables = [...entries.values()].flatMap((own) => Object.values(own))
  return [...tables, ...[page, keysUnder, removeUnder].flatMap((each) => Object.values(each)), epochs, ping]
}
