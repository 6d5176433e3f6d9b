import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordingLogger } from '../../test/support/recording-logger.ts'
import { priorityOf } from './priority.ts'
import { neverRefreshed, type SessionRecord } from './record.ts'

const record: SessionRecord = {
  claims: { sub: 'alice', iss: 'https://login.example', role: 'admin' },
  tokens: { accessToken: 'access', tokenType: 'Bearer' },
  data: { cart: [] },
  tokensAt: 0,
  refresh: neverRefreshed,
}

test('it is asked with the claims and the data, and with nothing else', () => {
  const seen: object[] = []
  const priority = priorityOf((session) => {
    seen.push(session)
    return session.claims['role'] === 'admin' ? 'high' : 'low'
  }, recordingLogger().logger)
  assert.equal(priority?.(record), 'high')
  assert.deepEqual(seen, [{ claims: record.claims, data: record.data }])
})

test('not given, nobody is asked', () => {
  assert.equal(priorityOf(undefined, recordingLogger().logger), undefined)
})

for (const [what, l1Priority] of [
  ['throws', (): never => assert.fail('no idea')],
  ['names a class there is not', () => 'urgent' as 'high'],
] as const) {
  test(`one that ${what} makes the session a normal one, and is told of once`, () => {
    const { logger, lines } = recordingLogger()
    const priority = priorityOf(l1Priority, logger)
    assert.equal(priority?.(record), 'normal')
    assert.equal(priority?.(record), 'normal')
    assert.equal(lines.length, 1)
  })
}
