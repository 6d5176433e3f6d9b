import { createConnection } from 'node:net'
import { text } from 'node:stream/consumers'
import { MissingServer } from './missing-server.ts'
import type { ServerKind } from './kinds.ts'

/** The port of 127.0.0.1 on which the test runner answers. Not set: this test file was started by hand. */
export const runnerVariable = 'SALLYPORT_TEST_RUNNER'

/** `find`: where the programs are, as JSON. `shared`: the URL of the server that all test files of this run share. */
export type RunnerQuestion = 'find' | 'shared'

export type RunnerAnswer = { value: string } | { missing: string } | { failed: string }

/** Asks the test runner, or answers `undefined` if there is none. Throws a `MissingServer` if it cannot be had. */
export async function askRunner(question: RunnerQuestion, kind: ServerKind): Promise<string | undefined> {
  const port = process.env[runnerVariable]
  if (!port) return undefined
  const socket = createConnection(Number(port), '127.0.0.1')
  socket.write(`${question} ${kind}\n`)
  const answer = JSON.parse(await text(socket)) as RunnerAnswer
  if ('value' in answer) return answer.value
  if ('missing' in answer) throw new MissingServer(kind, answer.missing)
  throw new Error(answer.failed)
}
