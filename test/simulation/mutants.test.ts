import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { mutants } from './mutants.ts'

const patch = new URL('./patch.ts', import.meta.url).href
const hunt = fileURLToPath(new URL('./hunt.ts', import.meta.url))
/** A mutant that survives so many schedules is not found. */
const enough = 30_000

/** Takes a rule out of the real code, in a process of its own, and lets the schedules look for what that breaks. */
async function hunted(mutant: string): Promise<{ schedules: number; broken: string } | null> {
  const args = ['--import', patch, hunt, String(enough)]
  const env = { ...process.env, MUTANT: mutant }
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 120_000 })
  return JSON.parse(stdout) as { schedules: number; broken: string } | null
}

describe('a bug planted in the real code is found', { concurrency: 2 }, () => {
  for (const { name } of mutants) {
    test(name, async (t) => {
      const found = await hunted(name)
      assert.ok(found !== null, `it survived ${enough} schedules`)
      t.diagnostic(`${name}: ${found.schedules} schedules`)
    })
  }
})
