import type { Provider } from '../oidc/provider.ts'
import type { KeyRing } from '../session/key-ring.ts'
import type { SessionService } from '../session/service.ts'
import type { SessionData } from '../session/tokens.ts'
import type { Clock } from '../shared/clock.ts'
import type { Logger } from '../shared/logger.ts'
import type { Randomness } from '../shared/randomness.ts'
import type { BrowserBinding } from './browser-binding.ts'
import type { Hooks } from './options.ts'
import type { Refuse } from './refusals.ts'
import type { Settings } from './settings.ts'

/** What the use cases work with. */
export interface Context<Data extends SessionData> {
  readonly settings: Settings
  readonly sessions: SessionService<Data>
  readonly provider: Provider
  readonly keyRing: KeyRing
  readonly binding: BrowserBinding
  readonly hooks: Hooks<Data>
  readonly refuse: Refuse
  readonly clock: Clock
  readonly randomness: Randomness
  readonly logger: Logger
}
