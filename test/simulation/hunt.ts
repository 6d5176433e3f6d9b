import { runCacheSchedule } from '../support/cache-schedules.ts'
import { troublesOf } from './mutants.ts'
import { faults, losses } from './troubles.ts'

/** Looks for a schedule that breaks a promise, and prints how many it took, as JSON; none of so many: `null`. */
const most = Number(process.argv[2])
const rare = troublesOf(process.env['MUTANT'] ?? '')
const kinds = rare === undefined ? [faults, losses] : [rare]

process.stdout.write(JSON.stringify(await hunt()))
// What a mutant has broken may keep the process from ending by itself.
process.exit()

async function hunt(): Promise<{ schedules: number; broken: string } | null> {
  for (let seed = 1, schedules = 0; schedules < most; seed++) {
    for (const troubles of kinds) {
      schedules++
      const { broken } = await runCacheSchedule(seed, { troubles })
      if (broken[0] !== undefined) return { schedules, broken: broken[0] }
    }
  }
  return null
}
