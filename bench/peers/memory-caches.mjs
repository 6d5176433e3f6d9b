// Caches in memory, each with its bound and its time to live, set up for speed where they give a choice.

export const memoryCaches = {
  async 'lru-cache'({ max, ttlMs }) {
    const { LRUCache } = await import('lru-cache')
    const cache = new LRUCache({ max, ttl: ttlMs })
    return { get: (key) => cache.get(key), set: (key, value) => void cache.set(key, value) }
  },

  /** Told to look at the age of what it returns: else it leaves that to a timer, which may be late. */
  async '@isaacs/ttlcache'({ max, ttlMs }) {
    const { TTLCache } = await import('@isaacs/ttlcache')
    const cache = new TTLCache({ max, ttl: ttlMs, checkAgeOnGet: true })
    return { get: (key) => cache.get(key), set: (key, value) => void cache.set(key, value) }
  },

  /** Holds up to twice as many. */
  async 'quick-lru'({ max, ttlMs }) {
    const { default: QuickLRU } = await import('quick-lru')
    const cache = new QuickLRU({ maxSize: max, maxAge: ttlMs })
    return { get: (key) => cache.get(key), set: (key, value) => void cache.set(key, value) }
  },

  /** Without its default of cloning every value. */
  async '@cacheable/memory'({ max, ttlMs }) {
    const { CacheableMemory } = await import('@cacheable/memory')
    const cache = new CacheableMemory({ lruSize: max, ttl: ttlMs, useClone: false })
    return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) }
  },

  /** Without its default of keeping values as JSON text. */
  async bentocache({ max, ttlMs }) {
    const { BentoCache, bentostore } = await import('bentocache')
    const { memoryDriver } = await import('bentocache/drivers/memory')
    const memory = bentostore().useL1Layer(memoryDriver({ maxItems: max, serialize: false }))
    const cache = new BentoCache({ default: 'memory', stores: { memory } })
    return {
      get: (key) => cache.get({ key }),
      set: async (key, value) => void (await cache.set({ key, value, ttl: ttlMs })),
    }
  },
}
