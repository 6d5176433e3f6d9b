import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Redis } from 'ioredis'
import { isSallyportError } from '../../src/shared/errors.ts'
import { redisStore } from '../../src/stores/redis.ts'

for (const version of ['5.0.14', '6.2.14']) {
  for (const way of ['a URL', 'a client of ioredis']) {
    test(`Redis ${version} is refused with the version that is needed, through ${way}`, async () => {
      const server = createServer((socket) => {
        socket.on('data', (data) => {
          for (const [, name] of String(data).matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g))
            socket.write(replyTo(name!, version))
        })
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`
      const store = redisStore(way === 'a URL' ? { url } : { client: new Redis(url, { lazyConnect: true }) })
      await assert.rejects(store.init({ maxStalenessMs: 1_000 }), (error) => {
        assert.ok(isSallyportError(error))
        assert.equal(error.code, 'ERR_STORE_UNSUPPORTED')
        assert.match(error.message, new RegExp(`Redis ${version} is too old; 7.0 or later is needed`))
        return true
      })
      await store.close()
      server.close()
    })
  }
}

/** As such a server would say it. */
function replyTo(command: string, version: string): string {
  if (command.toUpperCase() !== 'INFO') return '+OK\r\n'
  const info = `redis_version:${version}\r\nrole:master\r\n`
  return `$${info.length}\r\n${info}\r\n`
}
