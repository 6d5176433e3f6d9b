import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { mutated, mutants } from './mutants.ts'

/** `node --import ./test/simulation/patch.ts`: loads our sources as the mutant called `MUTANT` has them. */
const wanted = mutants.find(({ name }) => name === process.env.MUTANT)
if (wanted === undefined) throw new Error(`there is no mutant called ${process.env.MUTANT}`)

registerHooks({
  load(url, context, nextLoad) {
    if (!url.startsWith('file:')) return nextLoad(url, context)
    const path = fileURLToPath(url)
    const edits = wanted.edits.filter(({ file }) => path.endsWith(`/${file}`))
    if (edits.length === 0) return nextLoad(url, context)
    return { format: 'module-typescript', source: mutated(readFileSync(path, 'utf8'), edits), shortCircuit: true }
  },
})
