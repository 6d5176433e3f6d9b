import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Scope } from './databases.ts'

/*
 * Servers of any version that know enough of their protocol to be connected to and to say which version they are, and
 * nothing else: what a store asks besides that is answered by the same row.
 */

/** A PostgreSQL that says of itself `server_version_num`, e.g. 120022. Resolves with its URL. */
export async function fakePostgres(scope: Scope, versionNumber: number): Promise<string> {
  const port = await listen(scope, (socket) => {
    let isStarted = false
    return (data) => {
      if (!isStarted) {
        isStarted = true
        if (versionNumber < 110_000 && data.includes('jit=')) {
          const complaint = 'unrecognized configuration parameter "jit"'
          socket.end(typed('E', text('SFATAL'), text('VFATAL'), text('C42704'), text(`M${complaint}`), Buffer.alloc(1)))
          return
        }
        // Authenticated; ready.
        socket.write(Buffer.concat([typed('R', int32(0)), typed('Z', Buffer.from('I'))]))
        return
      }
      // Goodbye.
      if (data[0] === 0x58) {
        socket.end()
        return
      }
      const columns = [field('version', 23), field('encoding', 25)]
      const values = [String(versionNumber), 'UTF8'].map((value) => [int32(value.length), Buffer.from(value)])
      const replies = [
        typed('1'),
        typed('2'),
        typed('T', int16(columns.length), ...columns),
        typed('D', int16(values.length), ...values.flat()),
        typed('C', text('SELECT 1')),
        typed('Z', Buffer.from('I')),
      ]
      socket.write(Buffer.concat(replies))
    }
  })
  return `postgres://app:app@127.0.0.1:${port}/app`
}

/** A MySQL or MariaDB that says of itself `VERSION()`, e.g. 10.5.27-MariaDB. Resolves with its URL. */
export async function fakeMysql(scope: Scope, version: string): Promise<string> {
  const port = await listen(scope, (socket) => {
    socket.write(numbered(0, greeting(version)))
    let isStarted = false
    return (data) => {
      for (const payload of packetsIn(data)) {
        const [command] = payload
        if (!isStarted) {
          isStarted = true
          socket.write(numbered(2, ok))
        } else if (command === 0x16) {
          // A statement without parameters, the columns of which are told with its rows.
          socket.write(numbered(1, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])))
        } else if (command === 0x17) {
          const row = Buffer.concat([Buffer.from([0, 0]), sized(version)])
          const parts = [Buffer.from([1]), column('version'), end, row, end]
          socket.write(Buffer.concat(parts.map((part, i) => numbered(i + 1, part))))
        } else if (command === 0x03) socket.write(numbered(1, ok))
        else if (command === 0x01) socket.end()
      }
    }
  })
  return `mysql://app:app@127.0.0.1:${port}/app`
}

async function listen(scope: Scope, connected: (socket: Socket) => (data: Buffer) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', connected(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  scope.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

function typed(type: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}

function field(name: string, type: number): Buffer {
  return Buffer.concat([text(name), int32(0), int16(0), int32(type), int16(-1), int32(-1), int16(0)])
}

function int32(n: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(n)
  return bytes
}

function int16(n: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(n)
  return bytes
}

function text(string: string): Buffer {
  return Buffer.from(`${string}\0`)
}

const ok = Buffer.from([0, 0, 0, 2, 0, 0, 0])
const end = Buffer.from([0xfe, 0, 0, 2, 0])

/** Protocol 4.1, transactions, native passwords, a database on connecting. */
function greeting(version: string): Buffer {
  const [low, high] = [Buffer.from([0x0b, 0xa2]), Buffer.from([0x08, 0x00])]
  const [nonce, charset, status] = [Buffer.alloc(8, 'a'), Buffer.from([46]), Buffer.from([2, 0])]
  const rest = [
    Buffer.from([21]),
    Buffer.alloc(10),
    Buffer.alloc(12, 'b'),
    Buffer.alloc(1),
    text('mysql_native_password'),
  ]
  const start = [Buffer.from([10]), text(version), Buffer.from([1, 0, 0, 0]), nonce, Buffer.alloc(1)]
  return Buffer.concat([...start, low, charset, status, high, ...rest])
}

function column(name: string): Buffer {
  const [catalog, nothing] = [sized('def'), sized('')]
  // utf8mb4, 255 bytes at most, a text.
  const traits = Buffer.from([12, 45, 0, 255, 0, 0, 0, 253, 0, 0, 0, 0, 0])
  return Buffer.concat([catalog, nothing, nothing, nothing, sized(name), sized(name), traits])
}

function sized(string: string): Buffer {
  return Buffer.from([string.length, ...Buffer.from(string)])
}

function numbered(sequence: number, payload: Buffer): Buffer {
  const head = Buffer.from([payload.length & 0xff, payload.length >> 8, 0, sequence])
  return Buffer.concat([head, payload])
}

function packetsIn(data: Buffer): Buffer[] {
  const payloads: Buffer[] = []
  for (let at = 0; at + 4 <= data.length;) {
    const length = data.readUIntLE(at, 3)
    payloads.push(data.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return payloads
}
