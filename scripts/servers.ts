import { createServer } from 'node:net'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { findServerHere } from '../test/support/servers/find-server.ts'
import { kinds } from '../test/support/servers/kinds.ts'
import { MissingServer } from '../test/support/servers/missing-server.ts'
import { startServer } from '../test/support/servers/server.ts'
import { runnerVariable } from '../test/support/servers/runner-line.ts'
import type { AddressInfo } from 'node:net'
import type { ServerKind } from '../test/support/servers/kinds.ts'
import type { RunnerAnswer } from '../test/support/servers/runner-line.ts'
import type { TestServer } from '../test/support/servers/server.ts'

/** The servers of one `npm test`: found once, unpacked once, one of a kind for all test files that share. */
export interface RunServers {
  /** One line each: where it came from, how long it took. */
  report(): string[]
  /** For each server that tests wanted and that cannot be had: why, and what to do. */
  missing(): string[]
  close(): Promise<void>
}

/** Answers test files on a port that the environment names from now on. Nothing is started before a file asks. */
export async function offerServers(): Promise<RunServers> {
  const servers = new Map<ServerKind, Promise<TestServer>>()
  const notes = new Map<ServerKind, { found?: string; up?: string }>()
  const missing = new Map<ServerKind, string>()
  const answers = new Map<ServerKind, Promise<string>>()

  const note = (kind: ServerKind, what: 'found' | 'up', text: string): void => {
    notes.set(kind, { [what]: text, ...notes.get(kind) })
  }
  const shared = (kind: ServerKind): Promise<TestServer> => {
    const server = servers.get(kind) ?? startServer(kind)
    servers.set(kind, server)
    return server
  }
  const look = async (kind: ServerKind): Promise<string> => {
    const startedAt = performance.now()
    const server = await findServerHere(kind)
    note(kind, 'found', `${server.from}, found in ${seconds(performance.now() - startedAt)}`)
    return JSON.stringify(server)
  }
  // Once, also in vain: a download that failed would fail again for every file.
  const find = (kind: ServerKind): Promise<string> => {
    const answer = answers.get(kind) ?? look(kind)
    answers.set(kind, answer)
    return answer
  }
  const reply = async (line: string): Promise<RunnerAnswer> => {
    const [question, name] = line.split(' ')
    const kind = name as ServerKind
    try {
      if (question === 'find') return { value: await find(kind) }
      const server = await shared(kind)
      note(kind, 'up', `shared one up in ${seconds(server.startedInMs)}`)
      return { value: server.url }
    } catch (error) {
      if (!(error instanceof MissingServer)) return { failed: String(error) }
      missing.set(kind, adviceFor(kind, error.because))
      return { missing: error.because }
    }
  }

  const line = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    createInterface({ input: socket }).once('line', (question) => {
      void reply(question).then((answer) => socket.end(JSON.stringify(answer)))
    })
  })
  line.listen(0, '127.0.0.1')
  await once(line, 'listening')
  line.unref()
  process.env[runnerVariable] = String((line.address() as AddressInfo).port)
  return {
    report: () => [...notes].map(([kind, { found, up }]) => [kind, found, up].filter(Boolean).join(', ')),
    missing: () => [...missing.values()],
    async close() {
      line.close()
      await Promise.all([...servers.values()].map((server) => server.then((it) => it.stop()).catch(() => {})))
    },
  }
}

function adviceFor(kind: ServerKind, because: string): string {
  return [
    `NOT TESTED: ${kind}, which cannot be had here (${because})`,
    `  to install it:   ${kinds[kind].install}`,
    `  to leave it out: npm test -- --without=${kind}`,
  ].join('\n')
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
