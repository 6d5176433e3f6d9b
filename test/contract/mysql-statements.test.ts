import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createConnection } from 'mysql2/promise'
import { mysqlTableNames } from '../../src/stores/mysql/schema.ts'
import { mysqlStatements } from '../../src/stores/mysql/statements.ts'
import type { Sized } from '../../src/stores/mysql/statements.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

const logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Every text in a record of statements, those for a number of rows for one and for several. */
function textsIn(statements: unknown): string[] {
  if (typeof statements === 'string') return [statements]
  if (typeof statements === 'function') return [1, 8].map((count) => (statements as Sized)(count))
  if (statements instanceof Map) return [...statements.values()].flatMap(textsIn)
  return Object.values(statements as object).flatMap(textsIn)
}

for (const kind of ['mariadb', 'mysql'] as const) {
  describe(kind, { skip: whyNotTested(kind) }, async () => {
    const { url, drop } = await freshDatabase(kind)
    const connection = await createConnection(url)
    after(async () => {
      await connection.end()
      await drop()
    })

    for (const verifierTableName of [undefined, 'verifiers']) {
      test(`the server prepares every statement${verifierTableName ? ' with a table for verifiers' : ''}`, async () => {
        const tableName = verifierTableName ? 'two_tables' : 'one_table'
        const options = { tableName, ...(verifierTableName === undefined ? {} : { verifierTableName }) }
        const store = mysqlStore({ connectionString: url, logger, ...options })
        await store.ping()
        await store.close()
        const texts = textsIn(mysqlStatements(mysqlTableNames(tableName, verifierTableName)))
        assert.ok(texts.length > 40)
        for (const text of texts) await (await connection.prepare(text)).close()
      })
    }
  })
}
