import { createAuth } from 'sallyport'
import type { Answer, Auth, Logger } from 'sallyport'
import { storeAt } from './store.ts'
import type { InstanceSettings } from './instance.ts'

/** No instance answers from memory later than this after a sign-out returned. */
export const boundMs = 1_000

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
    store: storeAt(settings.databaseUrl, logger),
    // Cookies know no ports: your own application on localhost keeps its cookie.
    session: { cookie: { name: 'sallyport-demo' } },
    cache: { maxStalenessMs: boundMs },
    // The provider remembers who signed in, too. Here it asks every time, so that another user can be tried.
    login: { params: { prompt: 'login' } },
    logger,
    hooks: { onAnswer, onSignIn: () => ({ data: { count: 0, countedOn: '' } }) },
  })
}
