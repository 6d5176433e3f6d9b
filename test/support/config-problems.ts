import assert from 'node:assert/strict'
import { ConfigError } from '../../src/shared/errors.ts'

interface Problem {
  path: string
  message: string
}

export interface ProblemChecks {
  /** None if the options are fine. Fails if a password of the tests is told. */
  problemsOf(options: unknown): Problem[]
  /** That this is all that is wrong. */
  assertProblem(options: unknown, path: string, message: RegExp): void
}

/** What `check` has to say of options. Passwords in them are `hunter2`. */
export function problemsFound<Options>(check: (options: Options) => unknown): ProblemChecks {
  const problemsOf = (options: unknown): Problem[] => {
    try {
      check(options as Options)
    } catch (error) {
      assert.ok(error instanceof ConfigError)
      assert.doesNotMatch(error.message, /hunter2/)
      return [...error.problems]
    }
    return []
  }
  return {
    problemsOf,
    assertProblem(options, path, message) {
      const problems = problemsOf(options)
      assert.deepEqual(
        problems.map((problem) => problem.path),
        [path],
      )
      assert.match(problems[0]?.message ?? '', message)
    },
  }
}
