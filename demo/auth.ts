import { createAuth } from 'sallyport'
import { sqliteStore } from 'sallyport/sqlite'
import { boundMs } from './sign-out.ts'
import type { Answer, Auth, Logger } from 'sallyport'
import type { InstanceSettings } from './instance.ts'

/** What the demo keeps in a session for itself. */
export type DemoData = { count: number; countedOn: string }

/** All of sallyport's configuration. Both instances have the same but for their URL. */
export function createDemoAuth(
  settings: InstanceSettings,
  onAnswer: (answer: Answer) => void,
  logger: Logger,
): Auth<DemoData> {
  return createAuth({
    issuer: settings.issuer,
    clientId: settings.clientId,
    clientSecret: settings.clientSecret,
    baseUrl: settings.baseUrl,
    secret: settings.secret,
    store: sqliteStore({ path: settings.database }),
    cache: { maxStalenessMs: boundMs },
    // The provider remembers who signed in, too. Here it asks every time, so that another user can be tried.
    login: { params: { prompt: 'login' } },
    logger,
    hooks: { onAnswer, onSignIn: () => ({ data: { count: 0, countedOn: '' } }) },
  })
}
