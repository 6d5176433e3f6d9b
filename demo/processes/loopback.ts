import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

export interface LoopbackServer {
  port: number
  /** Ends every connection and frees the port. */
  close(): Promise<void>
}

/**
 * Serves `http://localhost:<port>`; 0 picks a free port. `localhost` may mean either loopback address, so both are
 * served under one port. Rejects with the system's error (`EADDRINUSE`, …).
 */
export async function listenOnLoopback(wanted: number, handler: Handler): Promise<LoopbackServer> {
  for (let attempt = 1; ; attempt += 1) {
    const v4 = createServer(handler)
    const port = await bind(v4, '127.0.0.1', wanted)
    const v6 = createServer(handler)
    try {
      await bind(v6, '::1', port)
      return { port, close: () => closeAll([v4, v6]) }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') return { port, close: () => closeAll([v4]) }
      await closeAll([v4])
      if (wanted !== 0 || code !== 'EADDRINUSE' || attempt === 10) throw error
    }
  }
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject)
      resolve((server.address() as { port: number }).port)
    })
  })
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)))
  for (const server of servers) server.closeAllConnections()
  await Promise.all(closed)
}
