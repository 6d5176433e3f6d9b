import { after, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { redisStore } from '../../src/stores/redis.ts'
import { storeContract } from '../../src/testing.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

describe('redis through ioredis', { skip: whyNotTested('redis'), concurrency: 4 }, async () => {
  const { url, prefix, drop } = await freshDatabase('redis')
  // Never connected: the store works on duplicates.
  const client = new Redis(url, { lazyConnect: true })
  after(drop)
  const open = ({ id }: { id: string }) =>
    redisStore({ client, keyPrefix: `${prefix}${id}:`, operationTimeoutMs: 10_000 })
  storeContract({ test, createStore: open, reopenStore: open, advance: (ms) => pause(ms + 1) })
})
