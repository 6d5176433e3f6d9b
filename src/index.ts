export { createAuth } from './auth/create-auth.ts'
export type { Auth, GuardAnswer, Health, Sessions } from './auth/auth.ts'
export type { AuthReply, AuthRequest, SetCookie } from './auth/http.ts'
export type {
  AuthOptions,
  ClientOptions,
  CommonOptions,
  CookieOptions,
  Hooks,
  LoginOptions,
  LogoutOptions,
  MaybePromise,
  ProviderOptions,
  SessionOptions,
  SignInVerdict,
} from './auth/options.ts'
export type { Answer, AnswerSource } from './cache/answer.ts'
export type { EvictionPolicyName, L1Config, L1Priority, PrioritySubject, TwoTierCacheConfig } from './cache/config.ts'
export type { BypassReason, CacheEvent, EvictionReason } from './cache/events.ts'
export type { CreateEvictionPolicy, EvictionPolicy } from './cache/l1/eviction-policy.ts'
export type { BreakerState } from './cache/l2/circuit-breaker.ts'
export type { CacheStats, CoherenceStats, PartitionStats, StoreTraffic, SweeperStats } from './cache/stats.ts'
export type * from './cache/store.ts'
export { ProviderRefusedError } from './oidc/provider-refused-error.ts'
export type { AuthCache } from './session/auth-cache.ts'
export { fromAuthCache } from './session/from-auth-cache.ts'
export type { FromAuthCacheOptions } from './session/from-auth-cache.ts'
export type { SealingOptions } from './session/sealing.ts'
export { TwoTierAuthCache } from './session/two-tier-auth-cache.ts'
export type { TwoTierAuthCacheOptions } from './session/two-tier-auth-cache.ts'
export type { RevokeOptions, Session, SessionInfo } from './session/session.ts'
export type { AuthSession, Claims, Json, SessionData, TokenSet } from './session/tokens.ts'
export type { Clock, Instant, Timer } from './shared/clock.ts'
export { ConfigError, isSallyportError, SallyportError, StoreUnavailableError } from './shared/errors.ts'
export type { ConfigProblem, ErrorCode } from './shared/errors.ts'
export type { Logger } from './shared/logger.ts'
export type { Randomness } from './shared/randomness.ts'
