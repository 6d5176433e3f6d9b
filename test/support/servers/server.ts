/*
 * Real servers for tests.
 *
 *   const server = await startServer('redis', { config: ['maxmemory 2mb'] })   // a private one, below os.tmpdir()
 *   server.url; server.port; server.pid
 *   await server.suspend(); await server.resume()        // SIGSTOP, SIGCONT: the server and every process of it
 *   await server.kill(); await server.restart()          // SIGKILL; then the same port, the same data
 *   await server.stop()                                  // gone, with its directory
 *
 * A test that kills, stops, fills or reconfigures a server starts its own. All others share one per kind and run, and
 * take an empty database of it: `freshDatabase(kind)` in shared.ts. Both are skipped
 * with the reason that why-not-tested.ts gives: `describe('…', { skip: whyNotTested('redis', 'own') }, …)`.
 *
 * `config` are lines of the server's own configuration file, after ours, so the last word: `max_connections = 5`
 * (PostgreSQL, MariaDB), `appendonly yes` (Redis, Valkey). Several Redis with lines of their own make a replica
 * (`replicaof 127.0.0.1 <port>`), a cluster (`cluster-enabled yes`, `cluster-port <port>`) or, with `sentinel: true`, a
 * Sentinel (`sentinel monitor …`). Ports for such lines: `freePort()` in ports.ts.
 *
 * Durability: what a server acknowledged survives `kill()`, as with its own defaults (Redis keeps nothing unless told
 * to). Only a power cut would be worse: nothing is forced to the disk, unless `durable: true`.
 *
 * When the test process ends, however it ends, its servers and their directories go too.
 */
import { mkdir, mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { families } from './families.ts'
import { findServer } from './find-server.ts'
import { kinds } from './kinds.ts'
import { freePort } from './ports.ts'
import { giveToServers } from './server-user.ts'
import { ServerProcess } from './server-process.ts'
import type { ServerKind } from './kinds.ts'

export interface ServerOptions {
  /** Lines of the server's own configuration file, after ours. */
  config?: readonly string[]
  /** Default: a free one. */
  port?: number
  /** True: the server's own settings for what reaches the disk when. Default false: faster, safe against `kill`. */
  durable?: boolean
  /** Redis and Valkey only: run as Sentinel. Default false. */
  sentinel?: boolean
  /** Of its processes, beside what they need anyway. */
  env?: Readonly<Record<string, string>>
}

export interface TestServer {
  kind: ServerKind
  /** With user and password, of a database of the same name as the user. */
  url: string
  host: string
  port: number
  /** Of the main process; another one after each `restart`. */
  readonly pid: number
  /** Where it keeps its data. */
  dataDir: string
  /** From the call of `startServer` until it answered, unpacking not counted. */
  startedInMs: number
  /** All it logged so far. */
  log(): Promise<string>
  /** Sends a signal and resolves when every process of the server is gone. Default SIGKILL: to all of them at once. */
  kill(signal?: 'SIGKILL' | 'SIGTERM' | 'SIGINT'): Promise<void>
  /** Holds every process of the server: connections stay open and nothing answers. */
  suspend(): Promise<void>
  resume(): Promise<void>
  /** Starts it again, on the same port and data; one that still runs is shut down properly first. */
  restart(): Promise<void>
  /** Ends it and removes its directory. May be called twice. */
  stop(): Promise<void>
}

/** Starts a private server and resolves when it answers. Throws a `MissingServer` if it cannot be had. */
export async function startServer(kind: ServerKind, options: ServerOptions = {}): Promise<TestServer> {
  const found = await findServer(kind)
  const startedAt = performance.now()
  const family = families[kinds[kind].family]
  const directory = await mkdtemp(join(tmpdir(), `sallyport-${kind}-`))
  const dataDir = join(directory, 'data')
  await mkdir(dataDir)
  await giveToServers(directory, dataDir)
  const server = new ServerProcess(directory, { ...found.env, ...options.env })
  const port = options.port ?? (await freePort())
  try {
    const plan = await family.prepare({ kind, found, server, directory, dataDir, port, options })
    await server.start(plan)
  } catch (error) {
    await server.stop()
    if (options.port === undefined && /address already in use/i.test(String(error))) return startServer(kind, options)
    throw error
  }
  return {
    kind,
    url: family.url(port),
    host: '127.0.0.1',
    port,
    get pid() {
      return server.pid
    },
    dataDir,
    startedInMs: performance.now() - startedAt,
    log: () => readFile(server.logFile, 'utf8'),
    kill: (signal) => server.kill(signal),
    suspend: () => server.suspend(),
    resume: () => server.resume(),
    restart: () => server.restart(),
    stop: () => server.stop(),
  }
}
