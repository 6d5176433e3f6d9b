import { createServer } from 'node:net'

/**
 * A port of 127.0.0.1 that nobody listens on. Below those that the kernel hands to outgoing connections: one of those
 * would take the port of a server that is down for a moment.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
