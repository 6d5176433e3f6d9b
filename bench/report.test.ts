import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { report } from './report.ts'
import type { Row } from './report.ts'

const rows: Row[] = [
  { id: 'ours', value: 800, unit: 'ns', wanted: '< 2000', ok: true },
  { id: 'theirs', value: 134_000, unit: 'ns', versus: 'ours', wanted: 'ratio >= 200', ok: false },
]

describe('report', () => {
  test('--json prints one object with the environment and computed ratios', (t) => {
    const { mock } = t.mock.method(console, 'log', () => {})
    report({ name: 'example', rows }, ['--json'])
    assert.equal(mock.callCount(), 1)
    const printed = JSON.parse(String(mock.calls[0]?.arguments[0]))
    assert.deepEqual(Object.keys(printed), ['name', 'environment', 'rows'])
    assert.deepEqual(Object.keys(printed.environment), ['node', 'cpu', 'cores', 'platform', 'date'])
    assert.deepEqual(printed.rows, [rows[0], { ...rows[1], ratio: 167.5 }])
  })

  test('a table says what is compared and what was missed', (t) => {
    const { mock } = t.mock.method(console, 'log', () => {})
    report({ name: 'example', rows }, [])
    const printed = String(mock.calls[0]?.arguments[0])
    assert.match(printed, /ours +800 +ns +< 2000 +ok/)
    assert.match(printed, /theirs +134,000 +ns +167\.5 × ours +ratio >= 200 +MISSED/)
  })

  test('a comparison with a row that is missing is an error', () => {
    assert.throws(() => report({ name: 'example', rows: [rows[1]!] }, []), /theirs is compared with ours/)
  })
})
