import type { Store, Write, WriteOutcome } from '../../src/cache/store.ts'

/** A store that takes several writes in one round trip, over one that takes them one by one. */
export function batchingStore(inner: Store): Store & Required<Pick<Store, 'writeMany'>> {
  const writeMany = async (writes: readonly Write[]): Promise<WriteOutcome[]> => {
    // A store that is closed takes nothing at all.
    await inner.ping()
    const outcomes: WriteOutcome[] = []
    for (const write of writes) {
      outcomes.push(
        await applied(inner, write).then(
          (reply) => ({ reply }),
          (error: unknown) => ({ error }),
        ),
      )
    }
    return outcomes
  }
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'writeMany') return writeMany
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  }) as Store & { writeMany: typeof writeMany }
}

function applied(store: Store, write: Write): ReturnType<Store['create'] | Store['replace'] | Store['extend']> {
  if (write.operation === 'create') return store.create(write.entry)
  if (write.operation === 'replace') return store.replace(write.key, write.version, write.change)
  return store.extend(write.key, write.idleMs)
}
