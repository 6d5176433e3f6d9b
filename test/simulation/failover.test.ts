import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCacheSchedule } from '../support/cache-schedules.ts'

/** More than this would mean that the bound holds where we say that it does not. */
const enough = 5_000

test('a store that forgets what it acknowledged, as a standby may after a failover, breaks the bound: this is why docs/guarantees.md asks for one that does not', async (t) => {
  for (let seed = 1; seed <= enough; seed++) {
    const { broken } = await runCacheSchedule(seed, { troubles: ['restored'], admitsLosses: false })
    const fromMemory = broken.filter((line) => /from l1, which was (ended for good|changed for all)/.test(line))
    if (fromMemory.length === 0) continue
    t.diagnostic(`seen after ${seed} schedules: ${fromMemory[0]}`)
    return
  }
  assert.fail(`the bound was never seen broken in ${enough} schedules`)
})
