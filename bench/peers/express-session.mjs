// express-session with its memory store: one warm request, from the Cookie header to req.session.
import session from 'express-session'

export async function expressSession(sessionData) {
  const store = new session.MemoryStore()
  const middleware = session({ store, secret: 'x'.repeat(32), resave: false, saveUninitialized: false, name: 'sid' })

  const made = await pass(middleware, undefined)
  Object.assign(made.session, sessionData)
  await new Promise((resolve, reject) => made.session.save((error) => (error ? reject(error) : resolve())))
  const { default: signature } = await import('cookie-signature')
  const cookie = `sid=${encodeURIComponent('s:' + signature.sign(made.sessionID, 'x'.repeat(32)))}`

  return async () => {
    const request = await pass(middleware, cookie)
    if (request.session.claims === undefined) throw new Error('express-session found no session')
  }
}

/** No HTTP: the middleware gets the least it needs of a request and a response. */
function pass(middleware, cookie) {
  const request = {
    url: '/me',
    originalUrl: '/me',
    method: 'GET',
    headers: { cookie },
    connection: { encrypted: false },
  }
  const response = { writeHead() {}, end() {}, write() {}, getHeader() {}, setHeader() {} }
  return new Promise((resolve, reject) => {
    middleware(request, response, (error) => (error ? reject(error) : resolve(request)))
  })
}
