import { createAnswerLog } from '../measure/figures.ts'
import { createMeasurements } from '../measure/measurements.ts'
import { runChild } from '../processes/child.ts'
import { listenOnLoopback } from '../processes/loopback.ts'
import { createApp } from './app.ts'
import { createDemoAuth } from './auth.ts'
import type { Logger } from 'sallyport'

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
  /** The database that both instances share. */
  databaseUrl: string
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

interface Terminal {
  logger: Logger
  /** Lets warnings through from now on. */
  open(): void
}

/**
 * Where sallyport's warnings and errors go. At start it warns that cookies over plain http are not `Secure`: true, and
 * nothing to worry about on this machine, so the terminal opens after that.
 */
function createTerminal(name: string): Terminal {
  let opened = false
  const print = (fields: object, message: string): void => {
    const { err } = fields as { err?: unknown }
    console.error(`  instance ${name}: ${message}${err instanceof Error ? ` (${err.message})` : ''}`)
  }
  return {
    logger: {
      debug() {},
      info() {},
      warn: (fields, message) => opened && print(fields, message),
      error: print,
    },
    open() {
      opened = true
    },
  }
}
