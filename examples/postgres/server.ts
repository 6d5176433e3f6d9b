import express from 'express'
import { createAuth } from 'sallyport'
import { expressAuth } from 'sallyport/express'
import { Pool } from 'pg'
import { postgresStore } from 'sallyport/postgres'

// The application's own pool: sallyport borrows from it, and never closes it.
// The server, too, gives up on what nobody waits for any more.
const pool = new Pool({ connectionString: env('DATABASE_URL'), max: 20, statement_timeout: 2_000 })
// node-postgres tells of idle connections that broke; without a listener that would end the process.
pool.on('error', (error) => console.error('an idle connection broke:', error.message))

const auth = createAuth({
  issuer: env('ISSUER'),
  clientId: env('CLIENT_ID'),
  clientSecret: env('CLIENT_SECRET'),
  baseUrl: env('BASE_URL'),
  secret: env('SESSION_SECRET'),
  store: postgresStore({ pool }),
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

/** The server first, so that nobody asks any more; then sallyport; then what is yours. */
async function end(): Promise<void> {
  await new Promise((resolve) => server.close(resolve))
  await auth.close()
  await pool.end()
}

function env(name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set`)
  return value
}
