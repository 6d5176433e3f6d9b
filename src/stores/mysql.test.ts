import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startNode } from '../../test/support/child-process.ts'

test('without the driver the first operation says what to install, and importing the store says nothing', async () => {
  const child = startNode(`
    import { registerHooks } from 'node:module'
    registerHooks({
      resolve(specifier, context, next) {
        const none = new Error("Cannot find package 'mysql2' imported from here")
        if (specifier === 'mysql2') throw Object.assign(none, { code: 'ERR_MODULE_NOT_FOUND' })
        return next(specifier, context)
      },
    })
    const { mysqlStore } = await import(${JSON.stringify(import.meta.resolve('./mysql.ts'))})
    const store = mysqlStore({ connectionString: 'mysql://app@127.0.0.1:1/app' })
    await store.ping().catch((error) => console.log(error.code, error.message.replaceAll('\\n', ' ')))
    await store.close()`)
  assert.match((await child.line()) ?? '', /ERR_CONFIG_INVALID.*npm install mysql2/)
  child.kill()
})

test('a store that reached no server leaves nothing open once it is closed: the process ends by itself', async () => {
  const child = startNode(`
    const { mysqlStore } = await import(${JSON.stringify(import.meta.resolve('./mysql.ts'))})
    const store = mysqlStore({ connectionString: 'mysql://app@127.0.0.1:1/app' })
    await store.ping().catch(() => {})
    await store.close()`)
  assert.deepEqual(await child.ended, { code: 0, stderr: '' })
})
