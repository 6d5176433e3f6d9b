import { timingSafeEqual } from 'node:crypto'
import express from 'express'
import type { RequestHandler, Router } from 'express'
import type { Figures } from './figures.ts'
import type { Outcome, Seen, Watches } from './watch.ts'

/** The other instance, as this one can ask it. It may be gone: then there is no answer, and nothing here fails. */
export interface Peer {
  readonly url: string
  figures(): Promise<Figures | undefined>
  watch(sessionIds: readonly string[], cookieHeaders: readonly string[]): Promise<StartedWatch | undefined>
  outcome(watch: StartedWatch): Promise<Outcome | undefined>
  burst(cookieHeader: string): Promise<void>
}

export interface StartedWatch {
  id: string
  sessions: number
}

/** `key` is shared by the two instances of one start, and known to nobody else. */
export function createPeer(url: string, key: string): Peer {
  const ask = async <T>(path: string, timeoutMs: number, body?: object): Promise<T | undefined> => {
    try {
      const response = await fetch(`${url}/peer/${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
      })
      return response.ok ? ((await response.json()) as T) : undefined
    } catch {
      return undefined
    }
  }
  return {
    url,
    figures: () => ask('figures', 500),
    watch: (sessionIds, cookieHeaders) => ask('watches', 1_000, { sessionIds, cookieHeaders }),
    outcome: ({ id }) => ask(`watches/${id}`, 10_000),
    burst: async (cookieHeader) => void (await ask('bursts', 5_000, { cookieHeader })),
  }
}

export interface PeerServices {
  key: string
  seen: Seen
  watches: Watches
  figures(): Figures
  burst(cookieHeader: string): Promise<void>
}

/** What the other instance may ask of this one, under `/peer`. */
export function peerRoutes({ key, seen, watches, figures, burst }: PeerServices): Router {
  const routes = express.Router()
  routes.use(onlyThePeer(key), express.json())
  routes.get('/figures', (_req, res) => void res.json(figures()))
  routes.post('/watches', async (req, res) => {
    const { sessionIds, cookieHeaders } = req.body as { sessionIds: string[]; cookieHeaders: string[] }
    res.json(await watches.start([...seen.of(sessionIds), ...cookieHeaders]))
  })
  routes.get('/watches/:id', async (req, res) => void res.json((await watches.outcome(req.params.id)) ?? {}))
  routes.post('/bursts', async (req, res) => {
    await burst((req.body as { cookieHeader: string }).cookieHeader)
    res.json({})
  })
  return routes
}

function onlyThePeer(key: string): RequestHandler {
  const wanted = Buffer.from(`Bearer ${key}`)
  return (req, res, next) => {
    const given = Buffer.from(req.headers.authorization ?? '')
    if (given.length === wanted.length && timingSafeEqual(given, wanted)) return next()
    res.sendStatus(404)
  }
}
