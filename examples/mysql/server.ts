import express from 'express'
import { createAuth } from 'sallyport'
import { expressAuth } from 'sallyport/express'
import { mysqlStore } from 'sallyport/mysql'

const auth = createAuth({
  issuer: env('ISSUER'),
  clientId: env('CLIENT_ID'),
  clientSecret: env('CLIENT_SECRET'),
  baseUrl: env('BASE_URL'),
  secret: env('SESSION_SECRET'),
  store: mysqlStore({ connectionString: env('DATABASE_URL') }),
})
const web = expressAuth(auth)
// What is wrong with a setting, the provider or the database is told here, before anybody asks.
await auth.ready()

const app = express()
app.use(web)
app.get('/', web.requireSession(), (req, res) => {
  res.json({ hello: web.session(req).claims.sub })
})
const server = app.listen(Number(process.env['PORT'] ?? 3000))

process.once('SIGTERM', () => void end())

/** The server first, so that nobody asks any more; then sallyport. */
async function end(): Promise<void> {
  await new Promise((resolve) => server.close(resolve))
  await auth.close()
}

function env(name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set`)
  return value
}
