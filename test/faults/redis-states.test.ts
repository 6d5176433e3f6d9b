import { mkdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createClient } from 'redis'
import type { RedisClientType } from 'redis'
import { redisStore } from '../../src/stores/redis.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/servers/ports.ts'
import { otherPassword, serverStates, storePassword } from './server-states.ts'
import type { ServerState } from './server-states.ts'
import { operationTimeoutMs } from './trial.ts'

/** A connection of its own, as an operator has it: it outlives what befalls those of the store. */
type Admin = RedisClientType

const others = 20

const states: ServerState<Admin>[] = [
  {
    name: 'out of memory, with noeviction',
    spoil: async (admin) => {
      await admin.configSet({ maxmemory: '1', 'maxmemory-policy': 'noeviction' })
      return () => admin.configSet('maxmemory', '0')
    },
    works: ['read', 'extend', 'take', 'remove', 'list', 'epochs', 'sweep', 'stats', 'ping'],
    says: /no memory left/,
  },
  {
    name: 'unable to save to its disk',
    spoil: async (admin, server) => {
      // A file cannot take the place of a folder.
      const folder = join(server.dataDir, 'dump.rdb')
      await mkdir(folder)
      await admin.configSet('save', '3600 1000000')
      await saved(admin, 'err')
      return async () => {
        await rmdir(folder)
        await saved(admin, 'ok')
      }
    },
    works: ['read', 'list', 'epochs', 'stats'],
    says: /cannot save to its disk/,
  },
  {
    name: 'full of connections',
    spoil: async (admin, server) => {
      const raw = await Promise.all(Array.from({ length: others }, () => connected(server.port)))
      const kept = new Set(await Promise.all([admin, ...raw].map((client) => client.clientId())))
      await admin.configSet('maxclients', String(kept.size))
      for (const { id } of await admin.clientList()) if (!kept.has(id)) await admin.clientKill({ filter: 'ID', id })
      return () => Promise.all(raw.map((client) => client.close()))
    },
    works: [],
    says: /no connection left/,
  },
  {
    name: 'a replica now',
    spoil: async (admin) => {
      await admin.replicaOf('127.0.0.1', await freePort())
      return () => admin.sendCommand(['REPLICAOF', 'NO', 'ONE'])
    },
    works: [],
    says: /is a replica/,
  },
  {
    name: 'with another password',
    spoil: async (admin) => {
      await admin.configSet('requirepass', otherPassword)
      await admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal'])
      await admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub'])
      return () => admin.configSet('requirepass', storePassword)
    },
    works: [],
    says: /refused the user name or the password/,
  },
]

serverStates<Admin>({
  kind: 'redis',
  config: [`requirepass ${storePassword}`],
  connect: async ({ port }) => {
    const admin = await connected(port)
    return { admin, url: `redis://:${storePassword}@127.0.0.1:${port}`, disconnect: async () => admin.destroy() }
  },
  open: (url, logger) => redisStore({ url, operationTimeoutMs, logger }),
  states,
})

async function connected(port: number): Promise<Admin> {
  const client: Admin = createClient({ url: `redis://:${storePassword}@127.0.0.1:${port}` })
  client.on('error', () => {})
  return client.connect()
}

/** Lets it save until that has ended so. */
async function saved(admin: Admin, status: 'ok' | 'err'): Promise<void> {
  await admin.bgSave()
  const isDone = /rdb_bgsave_in_progress:0/
  await eventually(
    () => admin.info('persistence'),
    (text) => isDone.test(text) && text.includes(`rdb_last_bgsave_status:${status}`),
  )
}
