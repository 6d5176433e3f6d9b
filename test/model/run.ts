// node test/model/run.ts [model or mutant]
import { models, type ModelName } from './models.ts'
import { mutants, rulesOf } from './mutants.ts'
import { protocol } from './rules.ts'

const wanted = process.argv[2]
const mutant = mutants.find(({ name }) => name === wanted)
const model = mutant?.model ?? (Object.keys(models) as ModelName[]).find((name) => name === wanted)

if (model === undefined) {
  console.log(`models\n${Object.keys(models).map(indented).join('\n')}`)
  console.log(`mutants\n${mutants.map(({ name }) => indented(name)).join('\n')}`)
  process.exitCode = 1
} else {
  const { states, violation } = models[model](mutant === undefined ? protocol : rulesOf(mutant))
  console.log(`${model}: ${states} states`)
  console.log(violation === undefined ? 'no invariant is broken' : `broken: ${violation.invariant}\n${violation.trace}`)
}

function indented(name: string): string {
  return `  ${name}`
}
