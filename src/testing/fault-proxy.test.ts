import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { faultProxy, type FaultProxy } from './fault-proxy.ts'

interface World {
  proxy: FaultProxy
  /** What the server was sent, of all connections. */
  received(): string
}

/** A server that answers with what it is sent, behind a proxy. */
async function world(t: TestContext): Promise<World> {
  let received = ''
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      received += bytes.toString()
      socket.write(bytes)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await faultProxy({ target: { port: (server.address() as AddressInfo).port } })
  t.after(async () => {
    await proxy.close()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { proxy, received: () => received }
}

interface Client {
  socket: Socket
  heard(): string
  /** How it ended, if it did: by a goodbye or by an error. */
  ended(): string | undefined
}

function clientOf({ proxy }: World): Client {
  const socket = connect(proxy.port, proxy.host)
  let heard = ''
  let ended: string | undefined
  socket.on('data', (bytes) => void (heard += bytes.toString()))
  socket.on('error', (error: NodeJS.ErrnoException) => void (ended = error.code))
  socket.on('close', () => void (ended ??= 'closed'))
  return { socket, heard: () => heard, ended: () => ended }
}

/** Waits for what must come, for as long as a slow machine may need. */
async function until(isSo: () => boolean): Promise<void> {
  for (const lateAt = Date.now() + 10_000; !isSo(); await pause(2)) assert.ok(Date.now() < lateAt, 'it never came')
}

async function talking(started: World): Promise<Client> {
  const client = clientOf(started)
  client.socket.write('hello')
  await until(() => client.heard() === 'hello')
  return client
}

test('without a fault everything passes both ways, and a goodbye too', async (t) => {
  const started = await world(t)
  const client = await talking(started)
  assert.equal(started.proxy.connections, 1)
  client.socket.end()
  await until(() => client.ended() === 'closed')
  await until(() => started.proxy.connections === 0)
})

test('a URL of the server leads through the proxy, with everything else as it was', async (t) => {
  const { proxy } = await world(t)
  assert.equal(
    proxy.via('postgres://app:secret@db:5432/app?a=b'),
    `postgres://app:secret@127.0.0.1:${proxy.port}/app?a=b`,
  )
  assert.throws(() => proxy.via('mailto:app'), TypeError)
})

describe('a black hole', () => {
  test('lets nothing pass and tells nobody; what was held arrives once it is healed', async (t) => {
    const started = await world(t)
    const client = await talking(started)
    started.proxy.blackHole()
    client.socket.write(' again')
    await pause(30)
    assert.deepEqual([client.heard(), client.ended(), started.received()], ['hello', undefined, 'hello'])
    await started.proxy.heal()
    await until(() => client.heard() === 'hello again')
  })

  test('of one way lets the other pass', async (t) => {
    const started = await world(t)
    const client = await talking(started)
    started.proxy.blackHole({ direction: 'toClient' })
    client.socket.write(' again')
    await until(() => started.received() === 'hello again')
    await pause(20)
    assert.equal(client.heard(), 'hello')
    await started.proxy.heal({ direction: 'toClient' })
    await until(() => client.heard() === 'hello again')
  })

  test('that loses what it holds leaves the connection silent for ever, and others work', async (t) => {
    const started = await world(t)
    const client = await talking(started)
    started.proxy.blackHole({ held: 'lost' })
    client.socket.write(' again')
    await pause(20)
    await started.proxy.heal()
    client.socket.write(' and again')
    await talking(started)
    assert.deepEqual([client.heard(), client.ended()], ['hello', undefined])
  })
})

test('latency holds every byte back, and keeps their order', async (t) => {
  const started = await world(t)
  const client = await talking(started)
  started.proxy.latency(40, { jitterMs: 30 })
  for (const word of ['a', 'b', 'c', 'd']) client.socket.write(word)
  assert.equal(client.heard(), 'hello')
  await until(() => client.heard() === 'helloabcd')
})

test('a throttle lets all pass in the end, unchanged', async (t) => {
  const started = await world(t)
  const client = await talking(started)
  started.proxy.throttle(100_000)
  client.socket.write('x'.repeat(10_000))
  await until(() => client.heard() === `hello${'x'.repeat(10_000)}`)
})

test('a cut lets so many bytes pass and resets, in the middle of a reply', async (t) => {
  const started = await world(t)
  const client = await talking(started)
  started.proxy.cutAfter(4, { direction: 'toClient' })
  client.socket.write('12345678')
  await until(() => client.ended() !== undefined)
  assert.equal(client.heard(), 'hello1234')
  // Node 22 takes an RST that comes together with the bytes before it for a goodbye.
  assert.match(client.ended()!, process.version.startsWith('v22.') ? /^(ECONNRESET|closed)$/ : /^ECONNRESET$/)
})

test('a reset ends what is open, and nothing else', async (t) => {
  const started = await world(t)
  const client = await talking(started)
  started.proxy.reset()
  await until(() => client.ended() === 'ECONNRESET')
  await talking(started)
})

test('new connections are reset while old ones stay', async (t) => {
  const started = await world(t)
  const client = await talking(started)
  started.proxy.resetNew()
  const another = clientOf(started)
  await until(() => another.ended() === 'ECONNRESET')
  client.socket.write(' again')
  await until(() => client.heard() === 'hello again')
  await started.proxy.heal()
  await talking(started)
})

test('new connections are refused while old ones stay, until it is healed', async (t) => {
  const started = await world(t)
  const client = await talking(started)
  started.proxy.refuse()
  const another = clientOf(started)
  await until(() => another.ended() === 'ECONNREFUSED')
  client.socket.write(' again')
  await until(() => client.heard() === 'hello again')
  await started.proxy.heal()
  await talking(started)
})

test('what flaps goes down at once, comes up again, and stays up once healed', async (t) => {
  const started = await world(t)
  const client = await talking(started)
  started.proxy.flap({ downMs: 20, upMs: 20 })
  await until(() => client.ended() === 'ECONNRESET')
  await started.proxy.heal()
  await talking(started)
})

test('faults that add up are healed together', async (t) => {
  const started = await world(t)
  started.proxy.latency(10_000)
  started.proxy.throttle(1)
  started.proxy.resetNew()
  await started.proxy.heal()
  await talking(started)
})

test('closed, it leaves nothing open, refuses everybody, and may be closed again', async (t) => {
  const started = await world(t)
  const client = await talking(started)
  await started.proxy.close()
  await started.proxy.close()
  await until(() => client.ended() !== undefined)
  assert.equal(started.proxy.connections, 0)
  const another = clientOf(started)
  await until(() => another.ended() === 'ECONNREFUSED')
})

test('a target that cannot be is named, and no proxy starts', async () => {
  for (const target of [undefined, 5432, {}, { port: 0 }, { port: 70_000 }, { path: '' }, { port: 1, path: '/a' }]) {
    await assert.rejects(faultProxy({ target: target as never }), { code: 'ERR_CONFIG_INVALID' })
  }
})

test('an argument that is wrong throws at once', async (t) => {
  const { proxy } = await world(t)
  assert.throws(() => proxy.latency(-1), RangeError)
  assert.throws(() => proxy.throttle(0), RangeError)
  assert.throws(() => proxy.cutAfter('4' as never), TypeError)
  assert.throws(() => proxy.blackHole({ held: 'forgotten' as never }), TypeError)
  assert.throws(() => proxy.latency(1, { direction: 'sideways' as never }), TypeError)
  assert.throws(() => proxy.flap({ downMs: 0, upMs: 1 }), RangeError)
})
