import { join } from 'node:path'
import { startServer } from '../../test/support/servers/server.ts'
import { Problem } from './ports.ts'

/** Where both instances keep their sessions. */
export interface Database {
  /** For a reader: what it is and where. Without a password. */
  name: string
  url: string
  close(): Promise<void>
}

const servers = { postgres: 'postgres', mysql: 'mariadb', redis: 'redis' } as const
const schemes = /^(sqlite|postgres|postgresql|mysql|mariadb|redis|rediss):\/\//

/** What the environment variable `STORE` names: `sqlite` (or nothing), a server to start for the demo, or a URL. */
export async function startDatabase(wanted: string | undefined, folder: string): Promise<Database> {
  const store = wanted?.trim() || 'sqlite'
  if (store === 'sqlite') {
    const path = join(folder, 'sessions.db')
    return { name: path, url: `sqlite://${encodeURI(path)}`, close: async () => {} }
  }
  if (schemes.test(store) && URL.canParse(store)) return { name: nameOf(store), url: store, close: async () => {} }
  if (!isServer(store)) {
    const names = ['sqlite', ...Object.keys(servers)].join(', ')
    throw new Problem(`STORE must be one of ${names}, or the URL of a database, as in STORE=postgres npm start`)
  }
  const kind = servers[store]
  console.log(`\n  starting ${kind} …`)
  const server = await startServer(kind, { durable: true }).catch((error: unknown) => {
    throw new Problem(error instanceof Error ? error.message : String(error))
  })
  return { name: `${kind} on port ${server.port}, started for this demo`, url: server.url, close: () => server.stop() }
}

function isServer(name: string): name is keyof typeof servers {
  return Object.hasOwn(servers, name)
}

/** There may be a password in the URL. */
function nameOf(url: string): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}
