import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { createConnection } from 'mysql2/promise'
import type { Connection, RowDataPacket } from 'mysql2/promise'
import type { Store } from '../../src/cache/store.ts'
import { isSallyportError } from '../../src/shared/errors.ts'
import { mysqlStore } from '../../src/stores/mysql.ts'
import { startServer } from '../support/servers/server.ts'
import type { TestServer } from '../support/servers/server.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'
import { silentLogger } from '../support/silent-logger.ts'

const lifetime = { idleMs: 3_600_000 }

/** An address that leads to one server after another; connections that are open stay where they lead. */
async function movingAddress(first: number): Promise<{ port: number; moveTo(port: number): void; close(): void }> {
  let target = first
  const sockets = new Set<Socket>()
  const proxy = createServer((client) => {
    const server = connect(target, '127.0.0.1')
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from)
      from.on('error', () => to.destroy()).on('close', () => to.destroy())
      from.pipe(to)
    }
  })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (proxy.address() as AddressInfo).port,
    moveTo: (port) => void (target = port),
    close() {
      for (const socket of sockets) socket.destroy()
      proxy.close()
    },
  }
}

const account = { user: 'app', password: 'of-the-app' }

/** A server with an account that may not write where it is read-only, unlike the one of tests. */
async function startedServer(): Promise<{ server: TestServer; admin: Connection }> {
  const server = await startServer('mariadb')
  const admin = await createConnection(server.url)
  await admin.query('CREATE DATABASE app')
  await admin.query(`CREATE USER ${account.user} IDENTIFIED BY '${account.password}'`)
  await admin.query(`GRANT ALL PRIVILEGES ON app.* TO ${account.user}`)
  const store = storeAt(server.port)
  await store.ping()
  await store.close()
  return { server, admin }
}

function storeAt(port: number): Store {
  const connectionString = `mysql://${account.user}:${account.password}@127.0.0.1:${port}/app`
  return mysqlStore({ connectionString, minConnections: 0, logger: silentLogger })
}

function isReadOnly(error: unknown): boolean {
  return isSallyportError(error) && error.code === 'ERR_STORE_UNAVAILABLE' && /read-only/.test(error.message)
}

describe('a primary becomes read-only, and its name leads to another', { skip: whyNotTested('mariadb', 'own') }, () => {
  let old: Awaited<ReturnType<typeof startedServer>>
  let next: Awaited<ReturnType<typeof startedServer>>
  let address: Awaited<ReturnType<typeof movingAddress>>
  let store: Store
  before(async () => {
    ;[old, next] = await Promise.all([startedServer(), startedServer()])
  })
  after(async () => {
    for (const { admin, server } of [old, next]) {
      await admin.end()
      await server.stop()
    }
  })
  beforeEach(async () => {
    address = await movingAddress(old.server.port)
    store = storeAt(address.port)
    await old.admin.query('SET GLOBAL read_only = 0')
    await store.remove({ key: 'a' })
    await store.create({ key: 'a', value: Buffer.from('old'), lifetime })
    await store.epochs([])
    await old.admin.query('SET GLOBAL read_only = 1')
    address.moveTo(next.server.port)
  })
  afterEach(async () => {
    await store.close()
    address.close()
  })

  /** What is told apart by the identity of the store, which each server has its own of. */
  async function identity(): Promise<string> {
    return (await store.epochs([])).incarnation
  }

  async function identityOf({ admin }: typeof old): Promise<unknown> {
    const [rows] = await admin.query<RowDataPacket[]>('SELECT incarnation FROM app.oidc_cache_meta')
    return rows[0]?.incarnation
  }

  test('a poll is refused, and the next one asks the server that the name leads to now', async () => {
    await assert.rejects(store.epochs([]), isReadOnly)
    assert.equal(await identity(), await identityOf(next))
  })

  test('a write is refused, and the next one is made where the name leads now', async () => {
    await assert.rejects(store.extend('a', 1_000), isReadOnly)
    assert.deepEqual(await store.extend('a', 1_000), { outcome: 'absent' })
  })

  for (const [how, noticed] of Object.entries({
    'a poll': () => store.epochs([]),
    'a write': () => store.extend('a', 1_000),
  })) {
    test(`reads go on until ${how} was refused, and from then on where the name leads`, async () => {
      assert.deepEqual(await valueRead(), 'old')
      await assert.rejects(noticed(), isReadOnly)
      assert.equal(await valueRead(), undefined)
    })
  }

  test('a read under way when a poll is refused leaves no connection to the old server', async () => {
    const lock = await createConnection(old.server.url)
    await lock.query('LOCK TABLES app.oidc_cache WRITE')
    const reading = store.read(['a'])
    await assert.rejects(store.epochs([]), isReadOnly)
    await lock.end()
    await reading
    assert.equal(await valueRead(), undefined)
  })

  async function valueRead(): Promise<string | undefined> {
    const { entries } = await store.read(['a'])
    return entries[0] && Buffer.from(entries[0].value).toString()
  }
})
