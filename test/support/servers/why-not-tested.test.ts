import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { withVariable, withoutVariable, whyNotTested } from './why-not-tested.ts'

const names = [withVariable, withoutVariable, 'SALLYPORT_TEST_REDIS_URL', 'SALLYPORT_TEST_MYSQL_URL']

describe('why a server is not tested', () => {
  const before = names.map((name) => [name, process.env[name]] as const)
  beforeEach(() => names.forEach((name) => delete process.env[name]))
  afterEach(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })

  it('for no reason', () => {
    assert.equal(whyNotTested('redis'), false)
    assert.equal(whyNotTested('redis', 'own'), false)
  })

  it('because it was left out, which the skipped test says', () => {
    process.env[withoutVariable] = 'mariadb,redis'
    assert.match(String(whyNotTested('redis')), /^NOT TESTED: redis/)
    assert.equal(whyNotTested('valkey'), false)
  })

  it('because it is somebody’s, and the test would kill it', () => {
    process.env.SALLYPORT_TEST_REDIS_URL = 'redis://127.0.0.1'
    assert.equal(whyNotTested('redis'), false)
    assert.match(String(whyNotTested('redis', 'own')), /SALLYPORT_TEST_REDIS_URL/)
    assert.equal(whyNotTested('valkey', 'own'), false)
  })

  it('because it is tested on demand only', () => {
    assert.match(String(whyNotTested('mysql')), /--with=mysql/)
    process.env[withVariable] = 'mysql'
    assert.equal(whyNotTested('mysql'), false)
    delete process.env[withVariable]
    process.env.SALLYPORT_TEST_MYSQL_URL = 'mysql://127.0.0.1'
    assert.equal(whyNotTested('mysql'), false)
  })
})
