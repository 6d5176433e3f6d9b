import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mapAuthCache } from '../../test/support/map-auth-cache.ts'
import { ConfigError } from '../shared/errors.ts'
import { manualClock } from '../testing/manual-clock.ts'
import type { AuthCache } from './auth-cache.ts'
import { fromAuthCache } from './from-auth-cache.ts'

function problemsOf(make: () => unknown): string[] {
  try {
    make()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`)
    throw error
  }
  return []
}

describe('fromAuthCache', () => {
  test('names every operation that is missing', () => {
    const { extendAuthSession: _, getCodeVerifier: __, ...rest } = mapAuthCache(manualClock())
    assert.deepEqual(
      problemsOf(() => fromAuthCache(rest as unknown as AuthCache<string>)),
      ['mine: must be a cache of the seven operations: getCodeVerifier(), extendAuthSession() missing'],
    )
  })

  for (const [mine, problem] of [
    [undefined, 'mine: is required'],
    [null, 'mine: must be a cache of the seven operations, not null'],
    ['redis://localhost', 'mine: must be a cache of the seven operations, not a string'],
  ] as const) {
    test(`refuses ${String(mine)}`, () => {
      assert.deepEqual(
        problemsOf(() => fromAuthCache(mine as unknown as AuthCache<string>)),
        [problem],
      )
    })
  }

  test('names an option that there is not, and the one that was meant', () => {
    assert.deepEqual(
      problemsOf(() => fromAuthCache(mapAuthCache(manualClock()), { clok: manualClock() } as object)),
      ['clok: unknown option; did you mean `clock`?'],
    )
  })

  test('asks nothing of the cache before it is used', () => {
    const mine = mapAuthCache(manualClock())
    fromAuthCache(mine)
    assert.deepEqual(mine.asked, [])
  })

  test('calls the operations as methods, inherited ones too', async () => {
    class Mine implements AuthCache<string> {
      readonly inner: AuthCache<string> = mapAuthCache(manualClock())
      getCodeVerifier = (state: string): Promise<string | undefined> => this.inner.getCodeVerifier(state)
      setCodeVerifier = (state: string, text: string): Promise<void> => this.inner.setCodeVerifier(state, text)
      invalidateCodeVerifier = (state: string): Promise<void> => this.inner.invalidateCodeVerifier(state)
      getAuthSession(id: string): Promise<string | undefined> {
        return this.inner.getAuthSession(id)
      }
      setAuthSession(id: string, text: string, ttlSec?: number): Promise<void> {
        return this.inner.setAuthSession(id, text, ttlSec)
      }
      invalidateAuthSession(id: string): Promise<void> {
        return this.inner.invalidateAuthSession(id)
      }
      extendAuthSession(id: string, ttlSec: number): Promise<void> {
        return this.inner.extendAuthSession(id, ttlSec)
      }
    }
    const store = fromAuthCache(new Mine(), { clock: manualClock() })
    await store.create({ key: 'session:x', value: Uint8Array.of(1), lifetime: { idleMs: 60_000 } })
    assert.equal((await store.read(['session:x'])).entries[0]?.version, 1)
  })
})
