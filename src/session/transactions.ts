import type { TwoTierCache } from '../cache/two-tier-cache.ts'
import { SallyportError } from '../shared/errors.ts'
import type { Transactions } from './service.ts'
import { verifierPrefix, type Vault } from './vault.ts'

/** Login transactions live in L2 alone: each is read once, by an atomic take. */
export function createTransactions(tiers: TwoTierCache, vault: Vault): Transactions {
  return {
    async put(id, value, ttlSec) {
      await tiers.ready()
      const key = vault.keyOf(verifierPrefix, id)
      const sealed = vault.sealAt({ keys: vault.keyRing.primary, id, storeKey: key }, value)
      const { outcome } = await tiers.batchedWrites.create({ key, value: sealed, lifetime: { idleMs: ttlSec * 1_000 } })
      if (outcome === 'present') throw new SallyportError('ERR_STORE_MISMATCH', 'a random transaction id came up twice')
    },
    async take(id) {
      await tiers.ready()
      for (const keys of vault.keyRing.all) {
        const key = vault.keyOf(verifierPrefix, id, keys)
        const taken = await tiers.store.take(key)
        if (taken !== undefined) return vault.openAt({ keys, id, storeKey: key }, taken.value)
      }
      return undefined
    },
  }
}
