import assert from 'node:assert/strict'
import { createServer, connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { postgresStore } from '../../src/stores/postgres.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import type { FreshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

describe('a pooler that lets no settings pass', { skip: whyNotTested('postgres') }, () => {
  let database: FreshDatabase
  before(async () => {
    database = await freshDatabase('postgres')
  })
  after(() => database.drop())

  test('is connected to without them', async () => {
    const pooler = await startPooler(Number(new URL(database.url).port))
    const connectionString = Object.assign(new URL(database.url), { port: String(pooler.port) }).href
    const store = postgresStore({ connectionString, maxConnections: 2, push: false })
    try {
      await store.init({ maxStalenessMs: 1_000 })
      await store.create({ key: 'a', value: Buffer.from('1'), lifetime: { idleMs: 60_000 } })
      assert.equal((await store.read(['a'])).entries[0]?.version, 1)
      assert.equal((await store.epochs([])).maxStalenessMs, 1_000)
      assert.ok(pooler.refused() > 0)
    } finally {
      await store.close()
      await pooler.close()
    }
  })
})

/** Refuses a connection that begins with settings, in PgBouncer's words; hands every other on to the port. */
async function startPooler(port: number): Promise<{ port: number; refused(): number; close(): Promise<void> }> {
  let refused = 0
  const server = createServer((client) => {
    client.once('data', (begun) => {
      const setting = ['statement_timeout', 'options'].find((name) => begun.includes(`\0${name}\0`))
      if (setting === undefined) return handOn(client, begun, port)
      refused++
      client.end(refusal(setting))
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    refused: () => refused,
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  }
}

function handOn(client: Socket, begun: Buffer, port: number): void {
  const server = connect(port, '127.0.0.1', () => void server.write(begun))
  client.pipe(server).pipe(client)
  client.on('error', () => server.destroy())
  server.on('error', () => client.destroy())
}

function refusal(setting: string): Buffer {
  const said = Buffer.from(`SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: ${setting}\0\0`)
  const head = Buffer.from('E\0\0\0\0')
  head.writeInt32BE(said.length + 4, 1)
  return Buffer.concat([head, said])
}
