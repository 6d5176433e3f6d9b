import express from 'express'
import { text } from 'node:stream/consumers'
import type { ErrorRequestHandler, Request } from 'express'
import { expressAuth } from '../../src/adapters/express.ts'
import { isSallyportError } from '../../src/index.ts'
import { adapterScenarios } from './scenarios.ts'

adapterScenarios({
  name: 'express',
  create(auth, bodyParser) {
    const app = express()
    const web = expressAuth(auth)
    if (bodyParser === 'before') app.use(express.urlencoded())
    app.use(web)
    if (bodyParser === 'after') app.use(express.urlencoded())

    app.get('/public', (_req, res) => void res.send('public'))
    app.get('/me', web.requireSession(), (req, res) => {
      const { claims, data } = web.session(req)
      res.set('x-app', 'fixture').cookie('app', '1').json({ sub: claims.sub, notes: data.notes })
    })
    app.get('/maybe', async (req, res) => {
      const session = await web.optionalSession(req)
      res.json({ sub: session?.claims.sub ?? null })
    })
    app.get('/unguarded', (req, res) => void res.json(web.session(req).claims))
    app.post('/note', web.requireSession(), async (req, res) => {
      const form = await formOf(req)
      const session = web.session(req)
      await session.update((draft) => void draft.notes.push(form.get('text') ?? ''))
      res.cookie('app', '1').json({ notes: session.data.notes })
    })
    app.post('/end', web.requireSession(), async (req, res) => {
      await web.session(req).revoke()
      res.json({ ended: true })
    })
    const shop = express.Router()
    shop.get('/orders', web.requireSession(), (req, res) => void res.json({ sub: web.session(req).claims.sub }))
    app.use('/shop', shop)
    app.use((_req, res) => void res.status(404).type('text').send('no such page'))
    app.use(ownErrorHandler)
    return app
  },
})

async function formOf(req: Request): Promise<URLSearchParams> {
  const parsed = req.body as Record<string, string> | undefined
  return new URLSearchParams(parsed ?? (await text(req)))
}

const ownErrorHandler: ErrorRequestHandler = (error: unknown, _req, res, _next) => {
  if (isSallyportError(error)) res.status(error.status).json({ code: error.code, handledBy: 'fixture' })
  else res.status(500).send(String(error))
}
