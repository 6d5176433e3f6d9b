import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { deadExports } from './dead-exports.ts'

const entries = new Set(['src/index.ts', 'src/adapters/node.ts'])

function check(files: Record<string, string>): string[] {
  return deadExports(new Map(Object.entries(files)), entries)
}

describe('dead exports', () => {
  test('an export that nothing imports is reported with its line', () => {
    assert.deepEqual(
      check({
        'src/cache/l1.ts': '\nexport const used = 1\nexport const dead = 2',
        'src/cache/a.ts': "import { used } from './l1.ts'",
      }),
      ['src/cache/l1.ts:3 exports dead, which nothing imports'],
    )
  })

  test('a type that nothing mentions is reported', () => {
    assert.equal(check({ 'src/cache/a.ts': 'export interface Dead {}' }).length, 1)
  })

  const alive: [string, Record<string, string>][] = [
    ['imported by name', { 'src/a.ts': 'export const x = 1', 'src/b.ts': "import { x as y } from './a.ts'" }],
    ['imported as a type', { 'src/a.ts': 'export interface X {}', 'src/b.ts': "import type { X } from './a.ts'" }],
    ['imported as a whole', { 'src/a.ts': 'export const x = 1', 'src/b.ts': "import * as a from './a.ts'" }],
    ['imported on first use', { 'src/a.ts': 'export const x = 1', 'src/b.ts': "await import('./a.ts')" }],
    ['passed on by a door', { 'src/s/a.ts': 'export const x = 1', 'src/index.ts': "export { x } from './s/a.ts'" }],
    [
      'imported by a test',
      { 'src/s/a.ts': 'export const x = 1', 'test/a.test.ts': "import { x } from '../src/s/a.ts'" },
    ],
    ['options of a function', { 'src/a.ts': 'interface I {}\nexport type O = I\nexport type P = O[]\nlet p: P' }],
    ['of a file that users import', { 'src/adapters/node.ts': 'export const x = 1' }],
  ]
  for (const [name, files] of alive) {
    test(`alive: ${name}`, () => {
      assert.deepEqual(check(files), [])
    })
  }
})
