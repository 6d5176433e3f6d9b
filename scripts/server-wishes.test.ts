import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { kindsOf } from './server-wishes.ts'

describe('servers on the command line', () => {
  test('names may be repeated or listed with commas', () => {
    assert.deepEqual(kindsOf(['mariadb,redis', 'valkey', 'redis']), ['mariadb', 'redis', 'valkey'])
    assert.deepEqual(kindsOf([]), [])
  })

  test('a name that is no server is refused, with those that are', () => {
    assert.throws(() => kindsOf(['mariadb,oracle']), /oracle.*postgres, postgres18, mariadb/)
  })
})
