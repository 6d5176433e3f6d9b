import { cacheRuns } from '../support/cache-run.ts'
import { mutants } from './mutants.ts'
import { faults, losses } from './troubles.ts'

/**
 * `MUTANT='no lease' node --import ./test/simulation/patch.ts test/simulation/hunt.ts` looks for a schedule in which the
 * mutant breaks a promise, and prints how many it took, and what broke.
 */
const { within, plan } = mutants.find(({ name }) => name === process.env.MUTANT)!
const kinds = [faults, losses].map((troubles) => cacheRuns({ troubles, plan }))
process.on('unhandledRejection', () => {})

let found: string | undefined
let schedules = 0
while (found === undefined && schedules < within) {
  // By turns of both kinds.
  const run = await kinds[schedules % kinds.length]!(Math.floor(schedules / kinds.length) + 1)
  found = run.failure?.split('\n', 1)[0]
  schedules++
}
console.log(JSON.stringify({ schedules, found }))
process.exit()
