import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { setCookie } from 'hono/cookie'
import { honoAuth } from '../../src/adapters/hono.ts'
import { isSallyportError } from '../../src/index.ts'
import { adapterScenarios } from './scenarios.ts'

adapterScenarios({
  name: 'hono',
  create(auth, bodyParser) {
    const app = new Hono()
    const web = honoAuth(auth)
    if (bodyParser === 'before') app.use(parseBody)
    app.use(web)
    if (bodyParser === 'after') app.use(parseBody)

    app.get('/public', (c) => c.text('public'))
    app.get('/me', web.requireSession(), (c) => {
      const { claims, data } = c.var.session
      c.header('x-app', 'fixture')
      setCookie(c, 'app', '1')
      return c.json({ sub: claims.sub, notes: [...data.notes] })
    })
    app.get('/maybe', async (c) => {
      const session = await web.optionalSession(c)
      return c.json({ sub: session?.claims.sub ?? null })
    })
    app.get('/unguarded', (c) => c.json({ sub: web.session(c).claims.sub }))
    app.post('/note', web.requireSession(), async (c) => {
      const { text = '' } = (await c.req.parseBody()) as { text?: string }
      const session = web.session(c)
      await session.update((draft) => void draft.notes.push(text))
      setCookie(c, 'app', '1')
      return c.json({ notes: [...session.data.notes] })
    })
    app.post('/end', web.requireSession(), async (c) => {
      await c.var.session.revoke()
      return c.json({ ended: true })
    })
    const shop = new Hono()
    shop.get('/orders', web.requireSession(), (c) => c.json({ sub: c.var.session.claims.sub }))
    app.route('/shop', shop)
    app.notFound((c) => c.text('no such page', 404))
    app.onError((error, c) => {
      if (!isSallyportError(error)) return c.text(String(error), 500)
      return c.json({ code: error.code, handledBy: 'fixture' }, error.status as 500)
    })

    const listener = getRequestListener(app.fetch)
    return (request, response) => listener(request, response)
  },
})

async function parseBody(c: { req: { parseBody(): Promise<unknown> } }, next: () => Promise<void>): Promise<void> {
  await c.req.parseBody()
  await next()
}
