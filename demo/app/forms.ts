import express from 'express'
import type { Router } from 'express'
import type { Demo } from './app.ts'

/** What the buttons do. Each ends in a redirect, so that loading the page again repeats nothing. */
export function formRoutes({ settings: { name, peerUrl }, auth, web, measurements }: Demo): Router {
  const { seen, signOuts } = measurements
  const routes = express.Router()
  const signedIn = web.requireSession()
  const form = express.urlencoded({ extended: false, limit: '10kb' })

  routes.post('/count', signedIn, form, async (req, res) => {
    await web.session(req).update((data) => {
      data.count += 1
      data.countedOn = name
    })
    res.redirect(303, req.body.then === 'look' ? `${peerUrl}/#data` : '/#data')
  })

  routes.post('/tokens', signedIn, form, async (req, res) => {
    const session = web.session(req)
    await session.accessToken()
    // Compared with what the page showed: the guard may have refreshed in the background since.
    const refreshed = session.refreshCount !== Number(req.body.refreshes)
    res.redirect(303, refreshed ? '/?done=refreshed#life' : '/?done=token#life')
  })

  routes.post('/sessions/end', signedIn, form, async (req, res) => {
    const own = await auth.sessions.list({ subject: web.session(req).claims.sub })
    const there = own.find(({ id }) => id === req.body.id)
    if (there === undefined) return res.redirect(303, '/?done=gone#sessions')
    await signOuts.measure('there', [there.id], () => auth.sessions.revoke(there.id))
    res.redirect(303, '/?done=ended#sessions')
  })

  routes.post('/sessions/end-all', signedIn, async (req, res) => {
    const session = web.session(req)
    seen.add(session.id, req.headers.cookie)
    const subject = session.claims.sub
    const ids = (await auth.sessions.list({ subject })).map(({ id }) => id)
    await signOuts.measure('everywhere', ids, async () => (await auth.sessions.revokeAll({ subject })) > 0)
    res.redirect(303, '/?done=everywhere')
  })

  routes.post('/bursts', signedIn, async (req, res) => {
    await measurements.burst(req.headers.cookie ?? '')
    res.redirect(303, '/')
  })

  // Whoever had to sign in first comes back with GET.
  routes.get(['/count', '/tokens', '/sessions/end', '/sessions/end-all', '/bursts'], (_req, res) => res.redirect('/'))
  return routes
}
