import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../../shared/errors.ts'
import { loaded } from './driver.ts'

const wanted = { store: 'testStore', option: 'url', name: 'driver' }

function failure(message: string, code: string): Error {
  return Object.assign(new Error(message), { code })
}

async function refusal(cause: Error): Promise<ConfigError> {
  const error = await loaded(wanted, () => Promise.reject(cause)).catch((thrown: unknown) => thrown)
  assert.ok(error instanceof ConfigError)
  assert.equal(error.cause, cause)
  return error
}

test('a driver that is there is loaded', async () => {
  assert.equal(await loaded(wanted, async () => 'module'), 'module')
})

test('a driver that is not there is to be installed', async () => {
  const cause = failure("Cannot find package 'driver' imported from /app/store.js", 'ERR_MODULE_NOT_FOUND')
  assert.match((await refusal(cause)).message, /url: needs the driver: npm install driver$/)
})

test('what a driver is for is said where that is known better', async () => {
  const cause = failure("Cannot find package 'driver' imported from /app/store.js", 'ERR_MODULE_NOT_FOUND')
  const load = loaded({ ...wanted, need: 'must be connected' }, () => Promise.reject(cause))
  await assert.rejects(load, /url: must be connected: npm install driver$/)
})

for (const [what, cause] of [
  ['misses a file', failure("Cannot find package '/app/node_modules/driver/index.js'", 'ERR_MODULE_NOT_FOUND')],
  ['misses a package of its own', failure("Cannot find package 'driver-pool'", 'ERR_MODULE_NOT_FOUND')],
  ['misses a module of its own', failure("Cannot find module 'driver'", 'MODULE_NOT_FOUND')],
  ['cannot be read', failure('Unexpected token', 'ERR_UNKNOWN')],
] as const) {
  test(`a driver that ${what} is said to be broken, and why`, async () => {
    const { message } = await refusal(cause)
    assert.match(message, /the driver driver is installed, but cannot be loaded/)
    assert.doesNotMatch(message, /npm install/)
  })
}
