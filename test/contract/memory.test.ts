import { test } from 'node:test'
import { memoryStore } from '../../src/stores/memory.ts'
import { storeContract } from '../../src/testing.ts'
import { batchingStore } from '../support/batching-store.ts'

storeContract({ test, createStore: ({ clock }) => memoryStore({ clock }) })

storeContract({
  test: (name, run) => test(`several writes at once, ${name}`, run),
  createStore: ({ clock }) => batchingStore(memoryStore({ clock })),
})
