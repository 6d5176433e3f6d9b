import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createClient } from 'redis'
import { kinds } from '../support/servers/kinds.ts'
import type { ServerKind } from '../support/servers/kinds.ts'
import { freshDatabase } from '../support/servers/shared.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'
import { rowsOf } from './rows.ts'

for (const kind of Object.keys(kinds) as ServerKind[]) {
  const skip = whyNotTested(kind)
  if (kinds[kind].family === 'redis') {
    describe(`a fresh prefix on ${kind}`, { skip }, () => {
      it('is no other’s, and loses its keys when dropped, and no other’s', async (t) => {
        const [one, other] = [await freshDatabase(kind), await freshDatabase(kind)]
        t.after(() => Promise.all([one.drop(), other.drop()]))
        assert.notEqual(one.prefix, other.prefix)
        const client = createClient({ url: one.url })
        await client.connect()
        t.after(() => client.destroy())
        await client.set(`${one.prefix}key`, '1')
        await client.set(`${other.prefix}key`, '1')
        await one.drop()
        assert.equal(await client.exists(`${one.prefix}key`), 0)
        assert.equal(await client.exists(`${other.prefix}key`), 1)
      })
    })
    continue
  }
  describe(`a fresh database on ${kind}`, { skip }, () => {
    it('is empty, no other’s, and can be dropped while somebody is connected', async (t) => {
      const [one, other] = [await freshDatabase(kind), await freshDatabase(kind)]
      t.after(() => Promise.all([one.drop(), other.drop()]))
      assert.notEqual(one.url, other.url)
      const [inOne, inOther] = [await rowsOf(kind, one.url), await rowsOf(kind, other.url)]
      t.after(() => Promise.all([inOne.close(), inOther.close()].map((closed) => closed.catch(() => {}))))
      await inOne.put('in one')
      assert.deepEqual(await inOther.all(), [])
      await one.drop()
      await assert.rejects(rowsOf(kind, one.url))
      assert.deepEqual(await inOther.all(), [])
    })
  })
}
