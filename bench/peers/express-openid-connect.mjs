// express-openid-connect with its default, the session in an encrypted cookie: one warm request, from the Cookie header
// to req.appSession. Its session middleware is called by itself, without the router around it, which favours it.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

export async function expressOpenidConnect(sessionData) {
  const appSession = require('express-openid-connect/lib/appSession.js')
  const { get } = require('express-openid-connect/lib/config.js')
  const config = get({
    issuerBaseURL: 'https://op.example',
    baseURL: 'https://app.example',
    clientID: 'client',
    secret: 'x'.repeat(32),
  })
  const middleware = appSession(config)

  const cookies = []
  const made = await pass(middleware, undefined, (name, value) => cookies.push(`${name}=${value}`))
  Object.assign(made.request.appSession, sessionData)
  made.response.writeHead(200)
  const cookie = cookies.join('; ')

  return async () => {
    const { request } = await pass(middleware, cookie, () => {})
    if (request.appSession?.claims === undefined) throw new Error('express-openid-connect found no session')
  }
}

function pass(middleware, cookie, onCookie) {
  const request = { headers: { cookie }, get: (name) => request.headers[name.toLowerCase()] }
  const response = {
    headersSent: false,
    statusCode: 200,
    getHeader() {},
    setHeader() {},
    writeHead() {},
    cookie: onCookie,
    clearCookie() {},
  }
  return new Promise((resolve, reject) => {
    middleware(request, response, (error) => (error ? reject(error) : resolve({ request, response })))
  })
}
