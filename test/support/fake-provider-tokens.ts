import { RefreshFailure } from '../../src/session/tokens.ts'
import type { RefreshTokens, RevokeToken, TokenSet } from '../../src/session/tokens.ts'
import type { Link } from './link.ts'

/**
 * Whether a refresh brings a new refresh token and spends the old one, and what becomes of who sends a spent one again:
 * strict providers refuse, lenient ones give yet another.
 */
export type Rotation = 'none' | 'strict' | 'lenient'
export const rotations: readonly Rotation[] = ['none', 'strict', 'lenient']

const refreshedMs = 3_600_000

type State = 'good' | 'spent' | 'revoked'

/** The token and revocation endpoints of a provider, without the HTTP. */
export class FakeProviderTokens {
  readonly #rotation: Rotation
  readonly #states = new Map<string, State>()
  readonly #told = new Set<string>()
  #minted = 0
  /** Refresh requests that arrived. */
  requests: number = 0
  /** Refresh requests answered with `invalid_grant`. */
  refused: number = 0
  /** Refresh tokens that came of a refresh. */
  rotated: string[] = []

  constructor(rotation: Rotation) {
    this.#rotation = rotation
  }

  /** What a sign-in brings. */
  issue(expiresAt: number): TokenSet {
    const refreshToken = this.#mint()
    this.#told.add(refreshToken)
    return this.#tokens(expiresAt, refreshToken)
  }

  stateOf(refreshToken: string): State | undefined {
    return this.#states.get(refreshToken)
  }

  /** Refresh tokens that could still be used, and that somebody was told of. */
  good(): string[] {
    return [...this.#told].filter((token) => this.stateOf(token) === 'good')
  }

  refreshTokensOver(link: Link): RefreshTokens {
    return async ({ refreshToken, signal }) => {
      const askedAt = link.machine.wall()
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(new RefreshFailure('in-doubt')))
      })
      const answered = link
        .call('refresh', async () => this.#refresh(refreshToken, askedAt))
        .catch((cause: unknown) => {
          throw new RefreshFailure('unavailable', { cause })
        })
      const answer = await Promise.race([answered, aborted])
      if (answer === undefined) throw new RefreshFailure('refused')
      this.#told.add(answer.refreshToken!)
      return answer
    }
  }

  revokeTokenOver(link: Link): RevokeToken {
    return (refreshToken) => link.call('revoke', async () => void this.#states.set(refreshToken, 'revoked'))
  }

  /** `undefined`: `invalid_grant`. */
  #refresh(refreshToken: string, askedAt: number): TokenSet | undefined {
    this.requests++
    const state = this.stateOf(refreshToken)
    if (state === 'revoked' || (state === 'spent' && this.#rotation === 'strict')) {
      this.refused++
      return undefined
    }
    if (this.#rotation === 'none') return this.#tokens(askedAt + refreshedMs, refreshToken)
    this.#states.set(refreshToken, 'spent')
    const next = this.#mint()
    this.rotated.push(next)
    return this.#tokens(askedAt + refreshedMs, next)
  }

  #tokens(expiresAt: number, refreshToken: string): TokenSet {
    return {
      accessToken: `access-${this.#minted}-${this.requests}`,
      tokenType: 'Bearer',
      expiresAt,
      refreshToken,
    }
  }

  #mint(): string {
    const token = `refresh-${++this.#minted}`
    this.#states.set(token, 'good')
    return token
  }
}
