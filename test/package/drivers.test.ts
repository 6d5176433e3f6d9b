import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { installPacked, runNode } from './packed.ts'
import type { InstalledPackage } from './packed.ts'

/** The first use of each store, through the seven operations and by itself. */
const stores = {
  pg: `(await import('sallyport/postgres')).postgresStore({ connectionString: 'postgres://app:hidden@localhost/app' })`,
  mysql2: `(await import('sallyport/mysql')).mysqlStore({ connectionString: 'mysql://app:hidden@localhost/app' })`,
  redis: `(await import('sallyport/redis')).redisStore({ url: 'redis://app:hidden@localhost' })`,
  // As of another driver that is used like this one, of a cluster that it is not connected to.
  ioredis: `(await import('sallyport/redis')).redisStore({
    client: {
      isCluster: true,
      nodes: () => [],
      startupNodes: ['127.0.0.1:7000'],
      options: { redisOptions: { password: 'hidden' } },
      duplicate() {},
      callBuffer() {},
    },
  })`,
}

function uses(store: string): string {
  return `
    import { TwoTierAuthCache } from 'sallyport'
    const store = ${store}
    const logger = { debug() {}, info() {}, warn() {}, error() {} }
    const cache = new TwoTierAuthCache({ store, secret: '0123456789'.repeat(4), logger })
    const said = []
    const refused = async (operation) => {
      try {
        await operation()
        said.push({ code: 'none', text: 'it worked' })
      } catch (error) {
        said.push({ code: error.code, text: String(error.stack) })
      }
    }
    await refused(() => store.read(['a']))
    await refused(() => cache.ready())
    await refused(() => cache.getAuthSession('anybody'))
    await cache.close()
    console.log(JSON.stringify(said))
  `
}

describe('a project without the driver', () => {
  let installed: InstalledPackage
  before(() => {
    installed = installPacked()
  })
  after(() => rmSync(installed.project, { recursive: true }))

  for (const [driver, store] of Object.entries(stores)) {
    test(`is told at the first use to run npm install ${driver}, and ends in good order`, () => {
      writeFileSync(join(installed.project, 'uses.mjs'), uses(store))
      const { status, output } = runNode(installed.project, ['uses.mjs'])
      assert.equal(status, 0, output)
      const said = JSON.parse(output) as { code: string; text: string }[]
      assert.equal(said.length, 3)
      for (const { code, text } of said) {
        assert.equal(code, 'ERR_CONFIG_INVALID', text)
        assert.match(text, new RegExp(`npm install ${driver}\\b`))
        assert.doesNotMatch(text, /hidden/)
      }
    })
  }
})
