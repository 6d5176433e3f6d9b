import { SallyportError, StoreUnavailableError } from '../../shared/errors.ts'
import { meaningOf } from '../rules/signs.ts'
import type { Signs } from '../rules/signs.ts'
import { tlsFault } from '../rules/tls.ts'
import { RedisError } from './error.ts'

/** What servers say when they cannot do what they otherwise would, in words for whoever reads the log. */
const reasons: Record<string, string> = {
  BUSY: 'Redis is busy with a script',
  CLUSTERDOWN: 'the cluster is down, or a part of its slots is not served',
  CONNECTION: 'Redis did not answer',
  DENIED:
    'Redis is in protected mode: it lets in who is on its own machine only, until it has a password or another `bind`',
  LOADING: 'Redis is still loading its data',
  MASTERDOWN: 'the server is a replica that has lost its primary',
  MISCONF: 'Redis refuses writes because it cannot save to its disk',
  MOVED: 'the server is one of a cluster: give the store a cluster client of redis or ioredis',
  NOAUTH: 'Redis asks for a password, and none was given',
  NOREPLICAS: 'Redis refuses writes because too few replicas are connected',
  OOM: 'Redis has no memory left (maxmemory) and may not evict anything',
  READONLY: 'the server is a replica, which takes no writes',
  TRYAGAIN: 'the slot is on its way to another server',
  WRONGPASS: 'Redis refused the user name or the password',
}

const hungUp =
  'Redis hung up; if it always does, is TLS on at both ends or at neither, and does it ask for a client certificate?'

/** What else the server, a socket or a resolver says. */
const signs: Signs = [
  ['max number of clients', 'Redis has no connection left; raise its maxclients'],
  ['without any password configured', 'Redis has no password set, and one was given'],
  ['DB index is out of range', 'Redis has no database of this number; raise its `databases`, or name another'],
  ['ECONNREFUSED', 'nothing listens at the address of Redis'],
  ['ENOTFOUND', 'the host of Redis has no address; check the URL or the client'],
  ['ECONNRESET', hungUp],
  ['EPIPE', hungUp],
  ['Socket closed unexpectedly', hungUp],
  ['Connection is closed', hungUp],
  // A server without TLS takes the greeting for the beginning of a line, and waits for the rest.
  ['no connection within', 'Redis did not answer a new connection; is TLS on at both ends or at neither?'],
]

/** Whether the connection is of no use after this reply: the server is another one now, or hangs up. */
export function endsConnection({ code, message }: RedisError): boolean {
  return code === 'READONLY' || message.includes('Protocol error')
}

/** What users of the store see; an error that is not of the server or the way to it passes unchanged. */
export function translated(error: unknown, keyPrefix: string): unknown {
  if (!(error instanceof RedisError)) return error
  const { code, message } = error
  if (code === 'NOPERM') {
    const allowed = `~${keyPrefix}* &${keyPrefix}* +@read +@write +@pubsub +@scripting +@connection +info +time +cluster|slots`
    return unavailable(`the Redis user lacks a permission; what the store needs: ${allowed}`, error)
  }

  if (code === 'MISMATCH') {
    const [, what, found] = message.split(' ')
    const text = `the store at this address has another ${what} (${found}); give this one a key prefix of its own`
    return new SallyportError('ERR_STORE_MISMATCH', text, { cause: error })
  }

  if (code === 'CORRUPT' || code === 'WRONGTYPE') {
    const text = 'a key below the prefix of the Redis store holds what the store has not written'
    return new SallyportError('ERR_STORE_CORRUPT', text, { cause: error })
  }

  if (/invalid bulk length|exceeds maximum allowed size/.test(message)) {
    const text = 'the value is larger than Redis takes; its proto-max-bulk-len sets the limit'
    return new SallyportError('ERR_STORE_VALUE_TOO_LARGE', text, { cause: error })
  }

  const ofTls = code === 'CONNECTION' ? tlsFault(message) : undefined
  const said = ofTls ?? meaningOf(message, signs) ?? reasons[code]
  return unavailable(said ?? 'Redis refused a command', error)
}

function unavailable(message: string, cause: unknown): StoreUnavailableError {
  return new StoreUnavailableError(message, { cause })
}
