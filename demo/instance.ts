import { createApp } from './app.ts'
import { createDemoAuth } from './auth.ts'
import { runChild } from './child.ts'
import { createAnswerLog } from './figures.ts'
import { listenOnLoopback } from './loopback.ts'
import { createMeasurements } from './measurements.ts'
import { createTerminal } from './terminal.ts'

export interface InstanceSettings {
  name: string
  port: number
  baseUrl: string
  peerUrl: string
  /** Known to both instances of one start. */
  peerKey: string
  issuer: string
  clientId: string
  clientSecret: string
  secret: string
  /** The SQLite file that both instances share. */
  database: string
}

await runChild<InstanceSettings>(async (settings) => {
  const log = createAnswerLog()
  const terminal = createTerminal(settings.name)
  const auth = createDemoAuth(settings, log.onAnswer, terminal.logger)
  const measurements = createMeasurements(settings, auth, log)
  await auth.ready()
  const server = await listenOnLoopback(settings.port, createApp(settings, auth, measurements))
  terminal.open()
  return {
    url: settings.baseUrl,
    async close() {
      await server.close()
      await auth.close()
    },
  }
})
