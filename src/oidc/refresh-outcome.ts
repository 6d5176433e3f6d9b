import { RefreshFailure } from '../session/tokens.ts'
import type { RefreshOutcome } from '../session/tokens.ts'
import { isSallyportError } from '../shared/errors.ts'
import type { Call } from './call.ts'
import { inWords } from './provider-error.ts'
import { requestFailureIn } from './request-failure.ts'

/** What became of the refresh token, by how far the call came; `undefined`: the provider was not even discovered. */
export function refreshFailure(call: Call | undefined, error: unknown): RefreshFailure {
  const { retryAfterSec } = isSallyportError(error) ? error : (requestFailureIn(error) ?? {})
  return new RefreshFailure(outcome(call, error), { retryAfterSec, cause: inWords(error) })
}

function outcome(call: Call | undefined, error: unknown): RefreshOutcome {
  if (call === undefined) return 'unavailable'
  const answer = call.tokenAnswer()
  if (answer === undefined) {
    const fate = requestFailureIn(error)?.fate
    return fate === 'not-sent' || fate === 'overloaded' ? 'unavailable' : 'in-doubt'
  }
  if (answer.error === 'invalid_grant') return 'refused'
  // New tokens were issued, and we must not or cannot use them: the old refresh token has probably been spent.
  if (answer.status < 300) return 'in-doubt'
  // Another OAuth error is about us, the client, and no reason to sign a user out.
  if (answer.error !== undefined) return 'unavailable'
  // Some provider refuses with a bare 400 (Glewlwyd does), and so does many a proxy for reasons of its own: too little
  // to end a session by, too much to ask for ever. In doubt, it is tried once more, and then a sign-in is asked for.
  return answer.status === 400 ? 'in-doubt' : 'unavailable'
}
