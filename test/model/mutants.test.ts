import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mutants } from './mutants.ts'
import { protocol } from './rules.ts'

test('every rule has a mutant', () => {
  const removed = new Set<string>(mutants.map(({ without }) => without))
  assert.deepEqual(
    Object.keys(protocol).filter((rule) => !removed.has(rule)),
    [],
  )
})

test('no two mutants have one name', () => {
  assert.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length)
})
