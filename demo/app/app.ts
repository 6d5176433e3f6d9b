import express from 'express'
import { expressAuth } from 'sallyport/express'
import type { ExpressAuth } from 'sallyport/express'
import type { Auth } from 'sallyport'
import type { Express, Request, RequestHandler, Response } from 'express'
import { peerRoutes } from '../measure/peer.ts'
import { claimsCard, dataCard, greeting, lifeCard, sessionsCard } from '../pages/account.ts'
import { doneFrom } from '../pages/done.ts'
import { liveView } from '../pages/live-view.ts'
import { welcome } from '../pages/welcome.ts'
import { formRoutes } from './forms.ts'
import { liveEvents } from './live-events.ts'
import { failed, nothingHere } from './problems.ts'
import { pageSender } from './send-page.ts'
import type { Measurements } from '../measure/measurements.ts'
import type { DemoData } from './auth.ts'
import type { InstanceSettings } from './instance.ts'
import type { SendPage } from './send-page.ts'

/** What every route works with. */
export interface Demo {
  settings: InstanceSettings
  auth: Auth<DemoData>
  web: ExpressAuth<DemoData>
  measurements: Measurements
}

/** The application: an ordinary Express server, and beside it what measures it. */
export function createApp(settings: InstanceSettings, auth: Auth<DemoData>, measurements: Measurements): Express {
  const app = express()
  const web = expressAuth(auth)
  const demo = { settings, auth, web, measurements }
  const send = pageSender(settings, measurements)

  app.disable('x-powered-by')
  app.use('/peer', peerRoutes(measurements.forPeer))
  app.use(oneHostName(settings.baseUrl))
  app.post('/auth/logout', measuredLogout(demo))
  app.use(web)
  app.get('/', (req, res) => home(demo, send, req, res))
  app.get('/api/me', (req, res) => me(demo, req, res))
  app.use(formRoutes(demo))
  app.get(
    '/live',
    liveEvents(async () => liveView(await measurements.instances())),
  )
  app.use(nothingHere(send), failed(send))
  return app
}

async function home({ settings, auth, web, measurements }: Demo, send: SendPage, req: Request, res: Response) {
  const session = await web.optionalSession(req)
  const done = doneFrom(req.query['done'])
  if (session === undefined) return send(res, { title: 'sallyport', top: welcome(done) })

  measurements.seen.add(session.id, req.headers.cookie)
  const { name, peerUrl } = settings
  const peer = { name: name === 'A' ? 'B' : 'A', url: peerUrl }
  const sessions = await auth.sessions.list({ subject: session.claims.sub })
  await send(res, {
    title: `${session.claims.name ?? session.claims.sub} · sallyport`,
    signedIn: true,
    top: greeting(session, name, peer),
    columns: [
      [sessionsCard(session, sessions, done), claimsCard(session)],
      [lifeCard(session, done), dataCard(session, peer)],
    ],
  })
}

async function me({ settings, web, measurements }: Demo, req: Request, res: Response): Promise<void> {
  const session = await web.optionalSession(req)
  res.set('cache-control', 'no-store')
  if (session === undefined) {
    res.status(401).json({ error: 'Nobody is signed in.', login: `${settings.baseUrl}/auth/login` })
    return
  }
  measurements.seen.add(session.id, req.headers.cookie)
  res.json({ instance: settings.name, user: session.claims, data: session.data })
}

/** What signs out comes after this; here the measurement only learns when it has. */
function measuredLogout({ web, measurements: { seen, signOuts } }: Demo): RequestHandler {
  return async (req, res, next) => {
    const session = await web.optionalSession(req)
    if (session === undefined) return next()
    seen.add(session.id, req.headers.cookie)
    await signOuts.measure('here', [session.id], () => {
      const answered = new Promise<boolean>((resolve) => res.once('close', () => resolve(res.statusCode < 400)))
      next()
      return answered
    })
  }
}

/** Cookies belong to a host name: who came by `127.0.0.1` would be a stranger after signing in at `localhost`. */
function oneHostName(baseUrl: string): RequestHandler {
  const { host } = new URL(baseUrl)
  return (req, res, next) => {
    const isPage = req.method === 'GET' && req.accepts(['json', 'html']) === 'html'
    if (isPage && req.headers.host !== host) return res.redirect(`${baseUrl}${req.originalUrl}`)
    next()
  }
}
