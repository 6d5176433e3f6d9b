import { timingSafeEqual } from 'node:crypto'
import express from 'express'
import type { RequestHandler, Router } from 'express'
import type { Figures } from './figures.ts'
import type { Seen } from './seen.ts'
import type { Watches } from './watch.ts'

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
