import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { isSallyportError } from '../../src/shared/errors.ts'
import { operationTimeoutMs, recoveryOf } from './trial.ts'
import type { Trial } from './trial.ts'

const readers = 1024

/**
 * Reads through a network that again and again holds replies back for longer than anybody waits: whoever reads
 * afterwards must be given what he asked for, never what somebody else had asked.
 */
export async function lateReplies(t: TestContext, { proxy, store }: Trial, reads: number): Promise<void> {
  const keys = Array.from({ length: readers }, (_, i) => `late-${i}`)
  for (const key of keys)
    await store.create({ key, value: new TextEncoder().encode(JSON.stringify(key)), lifetime: { idleMs: 3_600_000 } })

  const counts = { answered: 0, abandoned: 0 }
  const abandonedWanted = reads / 10
  let isSlow = false
  const reader = async (key: string): Promise<void> => {
    while (counts.answered < reads || counts.abandoned < abandonedWanted) {
      try {
        const { entries } = await store.read([key])
        assert.equal(entries[0] && new TextDecoder().decode(entries[0].value), JSON.stringify(key))
        counts.answered++
      } catch (error) {
        if (!isSallyportError(error) || error.code !== 'ERR_STORE_UNAVAILABLE') throw error
        counts.abandoned++
      }
    }
  }
  const weather = async (): Promise<void> => {
    while (counts.answered < reads || counts.abandoned < abandonedWanted) {
      isSlow = !isSlow && counts.abandoned < abandonedWanted
      if (isSlow) proxy.latency(operationTimeoutMs + 50, { direction: 'toClient' })
      else await proxy.heal()
      const share = counts.answered / reads < counts.abandoned / abandonedWanted ? 600 : 100
      await new Promise((resolve) => setTimeout(resolve, isSlow ? operationTimeoutMs : share))
    }
    await proxy.heal()
  }
  await Promise.all([weather(), ...keys.map(reader)])
  await recoveryOf(store)
  t.diagnostic(
    `${store.name}: ${counts.answered} reads answered, ${counts.abandoned} abandoned, none got another's reply`,
  )
}
