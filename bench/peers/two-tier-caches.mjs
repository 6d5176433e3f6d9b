// Two tiers: a bounded memory over a second tier that the benchmark gives them, with everything else as it comes.

export const twoTierCaches = {
  async bentocache(l2, { max, ttlMs }) {
    const { BentoCache, bentostore } = await import('bentocache')
    const { memoryDriver } = await import('bentocache/drivers/memory')
    const driver = {
      type: 'l2',
      namespace: () => driver,
      get: (key) => l2.read(key),
      set: (key, text) => l2.write(key, text).then(() => true),
    }
    const tiers = bentostore()
      .useL1Layer(memoryDriver({ maxItems: max }))
      .useL2Layer({ options: {}, factory: () => driver })
    const cache = new BentoCache({ default: 'tiers', stores: { tiers } })
    return {
      get: (key) => cache.get({ key }),
      set: async (key, value) => void (await cache.set({ key, value, ttl: ttlMs })),
    }
  },

  async cacheable(l2, { max, ttlMs }) {
    const { Cacheable, KeyvCacheableMemory } = await import('cacheable')
    const { Keyv } = await import('keyv')
    const primary = new Keyv({ store: new KeyvCacheableMemory({ lruSize: max }) })
    const cache = new Cacheable({ primary, secondary: new Keyv({ store: keyvStore(l2) }), ttl: ttlMs })
    return { get: (key) => cache.get(key), set: async (key, value) => void (await cache.set(key, value)) }
  },

  async 'cache-manager'(l2, { max, ttlMs }) {
    const { createCache } = await import('cache-manager')
    const { KeyvCacheableMemory } = await import('cacheable')
    const { Keyv } = await import('keyv')
    const memory = new Keyv({ store: new KeyvCacheableMemory({ lruSize: max }) })
    const cache = createCache({ stores: [memory, new Keyv({ store: keyvStore(l2) })], ttl: ttlMs })
    return { get: (key) => cache.get(key), set: async (key, value) => void (await cache.set(key, value)) }
  },
}

function keyvStore(l2) {
  return {
    opts: {},
    get: (key) => l2.read(key),
    set: (key, text) => l2.write(key, text).then(() => true),
    delete: async () => false,
    clear: async () => {},
  }
}
