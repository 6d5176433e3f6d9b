import { test } from 'node:test'
import { memoryStore } from '../../src/stores/memory.ts'
import { storeContract } from '../../src/testing.ts'

storeContract({ test, createStore: ({ clock }) => memoryStore({ clock }) })
