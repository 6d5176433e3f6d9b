import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { findTestFiles, groupTests, selectTests } from './test-groups.ts'

const files = [
  'src/cache/l1.test.ts',
  'test/browser/demo.test.ts',
  'test/faults/killed.test.ts',
  'test/flows/login.test.ts',
  'test/newcomer/first.test.ts',
  'test/package/package.test.ts',
  'test/support/scheduler.test.ts',
]

describe('test groups', () => {
  test('this file is found', () => {
    assert.ok(findTestFiles().includes('scripts/test-groups.test.ts'))
  })

  test('unit tests run first, what needs the machine for itself last, a new folder is a group of its own', () => {
    const names = groupTests(files).map((group) => group.name)
    assert.deepEqual(names, ['unit', 'flows', 'newcomer', 'faults', 'package', 'browser'])
  })

  test('every file is in exactly one group', () => {
    const grouped = groupTests(files).flatMap((group) => group.files)
    assert.deepEqual(grouped.sort(), files)
  })
})

describe('selecting tests', () => {
  test('nothing named selects everything', () => {
    assert.deepEqual(selectTests(files, []), files)
  })

  test('a group, a folder and a file can be named, a file named twice runs once', () => {
    assert.deepEqual(selectTests(files, ['unit', 'test/flows/', './test/flows/login.test.ts']), [
      'src/cache/l1.test.ts',
      'test/support/scheduler.test.ts',
      'test/flows/login.test.ts',
    ])
  })

  test('a name that matches nothing is refused', () => {
    assert.throws(() => selectTests(files, ['flow']), /flow/)
  })
})
