import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startNode } from '../../test/support/child-process.ts'

const redis = JSON.stringify(import.meta.resolve('./redis.ts'))

const without = (driver: string): string => `
  const { registerHooks } = await import('node:module')
  registerHooks({
    resolve(specifier, context, next) {
      const none = new Error("Cannot find package '${driver}' imported from here")
      if (specifier === '${driver}') throw Object.assign(none, { code: 'ERR_MODULE_NOT_FOUND' })
      return next(specifier, context)
    },
  })
  const { redisStore } = await import(${redis})
`

const firstOperation = `
  await store.ping().catch((error) => console.log(error.code, error.message.replaceAll('\\n', ' ')))
  await store.close()
`

test('without the driver the first operation says what to install, and importing the store says nothing', async () => {
  const child = startNode(`${without('redis')}
    const store = redisStore({ url: 'redis://127.0.0.1:1' })
    ${firstOperation}`)
  assert.match((await child.line()) ?? '', /ERR_CONFIG_INVALID.*npm install redis/)
  child.kill()
})

test('a cluster client that is not connected says that it must be, where ioredis is not installed', async () => {
  const child = startNode(`
    const { Cluster } = await import('ioredis')
    ${without('ioredis')}
    const store = redisStore({ client: new Cluster([1], { lazyConnect: true }) })
    ${firstOperation}`)
  assert.match((await child.line()) ?? '', /ERR_CONFIG_INVALID.*must be connected.*npm install ioredis/)
  child.kill()
})

test('a store that reached no server leaves nothing open once it is closed: the process ends by itself', async () => {
  const child = startNode(`
    const { redisStore } = await import(${redis})
    const store = redisStore({ url: 'redis://127.0.0.1:1' })
    await store.ping().catch(() => {})
    await store.close()`)
  assert.deepEqual(await child.ended, { code: 0, stderr: '' })
})
