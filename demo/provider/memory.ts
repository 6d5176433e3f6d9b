import type { Adapter, Payload } from 'oidc-provider'

/** What the provider remembers at most; the oldest is forgotten first. */
const capacity = 20_000

interface Row {
  model: string
  payload: Payload
  expiresAt: number
}

/** The provider's own memory: sessions, grants and tokens, gone when the process ends. */
export function createProviderMemory(): (model: string) => Adapter {
  const rows = new Map<string, Row>()

  const live = (key: string): Payload | undefined => {
    const row = rows.get(key)
    if (row === undefined || row.expiresAt > Date.now()) return row?.payload
    rows.delete(key)
    return undefined
  }

  return (model) => ({
    async upsert(id, payload, expiresInSec) {
      const key = `${model}:${id}`
      rows.delete(key)
      rows.set(key, { model, payload, expiresAt: expiresInSec ? Date.now() + expiresInSec * 1000 : Infinity })
      if (rows.size > capacity) rows.delete(rows.keys().next().value!)
    },
    async find(id) {
      return live(`${model}:${id}`)
    },
    async findByUid(uid) {
      for (const [key, row] of rows) if (row.model === model && row.payload.uid === uid) return live(key)
      return undefined
    },
    async findByUserCode() {
      return undefined
    },
    async consume(id) {
      const payload = live(`${model}:${id}`)
      if (payload) payload.consumed = Math.floor(Date.now() / 1000)
    },
    async destroy(id) {
      rows.delete(`${model}:${id}`)
    },
    async revokeByGrantId(grantId) {
      for (const [key, row] of rows) if (row.model === model && row.payload.grantId === grantId) rows.delete(key)
    },
  })
}
