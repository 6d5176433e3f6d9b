import assert from 'node:assert/strict'
import { test } from 'node:test'
import { models, type ModelName } from './models.ts'
import { mutants, rulesOf } from './mutants.ts'
import { protocol } from './rules.ts'

/** The tests of one model: the protocol passes, and every mutant that the model must notice fails as it must. */
export function testModel(model: ModelName): void {
  test(`${model}: the protocol breaks no invariant`, (t) => {
    const { states, violation } = models[model](protocol)
    t.diagnostic(`${model}: ${states} states`)
    assert.equal(violation, undefined, `${violation?.invariant}\n${violation?.trace}`)
  })
  for (const mutant of mutants.filter((each) => each.model === model)) {
    const { name, breaks } = mutant
    test(`${model}, mutant: ${name}`, (t) => {
      const { states, violation } = models[model](rulesOf(mutant))
      t.diagnostic(`${model}, ${name}: broken after ${states} states`)
      assert.equal(violation?.invariant, breaks, violation?.trace ?? 'no invariant is broken')
    })
  }
}
