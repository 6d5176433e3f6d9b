import { after, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { redisStore } from '../../src/stores/redis.ts'
import { storeContract } from '../../src/testing.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

describe('valkey', { skip: whyNotTested('valkey'), concurrency: 4 }, async () => {
  const { url, prefix, drop } = await freshDatabase('valkey')
  after(drop)
  const open = ({ id }: { id: string }) => redisStore({ url, keyPrefix: `${prefix}${id}:`, operationTimeoutMs: 10_000 })
  // The server's clock is not exactly that of the timers here.
  storeContract({ test, createStore: open, reopenStore: open, advance: (ms) => pause(ms + 1) })
})
