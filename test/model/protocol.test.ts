import assert from 'node:assert/strict'
import { test } from 'node:test'
import { models, type ModelName } from './models.ts'
import { protocol } from './rules.ts'

/** `own writes` is as large as all others together, and has a file of its own so that it can run beside them. */
for (const name of Object.keys(models) as ModelName[]) {
  if (name === 'own writes') continue
  test(`the protocol keeps its invariants in every reachable state: ${name}`, (t) => {
    const { states, violation } = models[name](protocol)
    t.diagnostic(`${name}: ${states} states`)
    assert.equal(violation, undefined, `${violation?.invariant}\n${violation?.trace}`)
  })
}
