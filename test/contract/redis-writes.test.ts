import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createClient } from 'redis'
import type { NewEntry, Store } from '../../src/cache/store.ts'
import { isSallyportError } from '../../src/shared/errors.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

const hour = 3_600_000
const lifetimes = { 'the same lifetime': undefined, 'another lifetime': { idleMs: 2 * hour } }

for (const kind of ['redis', 'valkey'] as const) {
  describe(`how ${kind} keeps what is written`, { skip: whyNotTested(kind) }, async () => {
    const { url, prefix, drop } = await freshDatabase(kind)
    const client = await createClient({ url }).connect()
    const opened: Store[] = []
    after(async () => {
      for (const store of opened) await store.close()
      client.destroy()
      await drop()
    })
    const open = async (name: string): Promise<{ store: Store; keyOf: (key: string) => string }> => {
      const keyPrefix = `${prefix}${name}:`
      const store = redisStore({ url, keyPrefix, logger: recordingLogger().logger })
      opened.push(store)
      await store.init({ maxStalenessMs: 1_000 })
      return { store, keyOf: (key) => `${keyPrefix}entry:${key}` }
    }

    for (const [which, lifetime] of Object.entries(lifetimes)) {
      test(`values of any length follow one another, with ${which}`, async () => {
        const { store } = await open(`lengths-${which.length}`)
        await store.create(entry('a', 10, { indexes: { subject: 'alice', sid: 's1' }, label: 'a label' }))
        for (const [i, length] of [10, 128, 129, 3_000, 2_999, 3_072, 3_073, 1, 0, 0, 70, 200_000, 5].entries()) {
          const value = filled(length, i)
          const change = { value, bump: i % 2 === 0, ...(lifetime && { lifetime }) }
          const replaced = await store.replace('a', i + 1, change)
          const [found] = (await store.read(['a'])).entries
          assert.ok(replaced.outcome === 'replaced' && found !== undefined)
          assert.deepEqual(Buffer.from(found.value), value)
          assert.deepEqual([found.version, found.times], [replaced.version, replaced.times])
        }
        const [listed] = (await store.list({ index: 'sid', values: ['s1'] })).entries
        assert.equal(listed?.label, 'a label')
      })

      test(`a value that follows keeps the deadline that was told, with ${which}`, async () => {
        const { store, keyOf } = await open(`deadline-${which.length}`)
        await store.create(entry('a', 100))
        for (const [i, length] of [90, 4_000].entries()) {
          const replaced = await store.replace('a', i + 1, {
            value: filled(length),
            bump: false,
            ...(lifetime && { lifetime }),
          })
          assert.ok(replaced.outcome === 'replaced')
          assert.equal(await client.pExpireTime(keyOf('a')), replaced.times.expiresAt)
        }
      })
    }

    test('nothing of a longer value stays behind', async () => {
      const { store, keyOf } = await open('behind')
      await store.create({ ...entry('a', 0), value: Buffer.from('secret '.repeat(20)) })
      await store.replace('a', 1, { value: Buffer.from('x'.repeat(100)), bump: false })
      const record = await client.withTypeMapping({ 36: Buffer }).get(keyOf('a'))
      assert.doesNotMatch(String(record), /secret|ecret/)
    })

    test('a small value does not keep the memory of a big one', async () => {
      const { store, keyOf } = await open('small')
      await store.create(entry('a', 100_000))
      await store.replace('a', 1, { value: filled(1_000), bump: false })
      assert.ok((await client.strLen(keyOf('a'))) < 1_500)
    })

    test('of writes that go together one that fails leaves the others be, and says why', async () => {
      const { store, keyOf } = await open('together')
      await store.create(entry('a', 10))
      await client.hSet(keyOf('broken'), 'not', 'an entry')
      const change = { value: filled(20), bump: true }
      const [first, second, third] = await store.writeMany!([
        { operation: 'replace', key: 'a', version: 1, change },
        { operation: 'replace', key: 'broken', version: 1, change },
        { operation: 'replace', key: 'a', version: 2, change },
      ])
      assert.ok(first !== undefined && 'reply' in first && first.reply.outcome === 'replaced')
      assert.ok(second !== undefined && 'error' in second && isSallyportError(second.error))
      assert.equal(second.error.code, 'ERR_STORE_CORRUPT')
      assert.ok(third !== undefined && 'reply' in third && third.reply.outcome === 'replaced')
      assert.equal(third.reply.version, 3)
    })

    test('a server that has forgotten the script of many writes is told again', async () => {
      const { store } = await open('forgotten')
      await client.scriptFlush()
      const outcomes = await store.writeMany!(['a', 'b'].map((key) => ({ operation: 'create', entry: entry(key, 1) })))
      assert.ok(outcomes.every((outcome) => 'reply' in outcome && outcome.reply.outcome === 'created'))
    })
  })
}

function filled(length: number, seed = 0): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31 + seed) % 256))
}

function entry(key: string, length: number, rest: Partial<NewEntry> = {}): NewEntry {
  return { key, value: filled(length), lifetime: { idleMs: hour }, ...rest }
}
