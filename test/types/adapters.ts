/** Compile-time tests: this file only has to pass the type checker. */
import express from 'express'
import { Hono } from 'hono'
import { expressAuth } from '../../src/adapters/express.ts'
import { honoAuth } from '../../src/adapters/hono.ts'
import { createAuth } from '../../src/index.ts'
import type { Session } from '../../src/index.ts'

const auth = createAuth({
  issuer: 'https://login.example',
  clientId: 'web',
  baseUrl: 'https://app.example',
  secret: 'primary-0123456789-0123456789-0123456789',
  hooks: { onSignIn: () => ({ data: { cart: ['apple'] } }) },
})

type Cart = { cart: string[] }

export function inExpress(): void {
  const app = express()
  const web = expressAuth(auth)
  app.use(web)
  app.get('/me', web.requireSession(), (req, res) => {
    const session: Session<Cart> = web.session(req)
    // @ts-expect-error typed by this auth's data
    void session.data.basket
    res.json(web.session(req).data.cart)
  })
  app.get('/maybe', async (req, res) => {
    const session: Session<Cart> | undefined = await web.optionalSession(req)
    res.json(session?.data.cart ?? null)
  })
  // @ts-expect-error the guard is what requireSession() returns
  app.get('/uncalled', web.requireSession, (req, res) => res.json(web.session(req).claims))
  // @ts-expect-error there is no global augmentation
  app.get('/augmented', (req, res) => res.json(req.session))
}

export function inHono(): void {
  const app = new Hono()
  const web = honoAuth(auth)
  app.use(web)
  app.get('/me', web.requireSession(), (c) => {
    const session: Session<Cart> = c.var.session
    // @ts-expect-error typed by this auth's data
    void session.data.basket
    return c.json(c.var.session.data.cart)
  })
  app.get('/accessor', web.requireSession(), (c) => c.json(web.session(c).data.cart))
  app.get('/maybe', async (c) => {
    const session: Session<Cart> | undefined = await web.optionalSession(c)
    return c.json(session?.data.cart ?? null)
  })
  // @ts-expect-error the guard is what requireSession() returns
  app.get('/uncalled', web.requireSession, (c) => c.json(web.session(c).claims))
  // @ts-expect-error no guard, no session
  app.get('/unguarded', (c) => c.json(c.var.session))
}
