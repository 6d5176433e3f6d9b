import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { mutants, mutated } from './mutants.ts'

const run = promisify(execFile)
const hunt = ['--import', './test/simulation/patch.ts', 'test/simulation/hunt.ts']

/** The real code without one of its rules: the simulation must notice. */
describe('every mutant of the cache breaks a promise in some schedule', { concurrency: 2 }, () => {
  for (const { name, edits, within } of mutants) {
    test(name, async (t) => {
      for (const edit of edits) mutated(readFileSync(edit.file, 'utf8'), [edit])
      const { stdout } = await run(process.execPath, hunt, { env: { ...process.env, MUTANT: name } })
      const { schedules, found } = JSON.parse(stdout) as { schedules: number; found?: string }
      assert.ok(found !== undefined, `survived ${within} schedules`)
      t.diagnostic(`${name}: found in schedule ${schedules} (${found})`)
    })
  }
})
