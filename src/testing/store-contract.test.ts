import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wrapStore } from '../../test/support/wrapped-store.ts'
import type { Store } from '../cache/store.ts'
import { memoryStore } from '../stores/memory.ts'
import { storeContract, type StoreContext, type StoreContractOptions } from './store-contract.ts'

type Run = Parameters<StoreContractOptions['test']>[1]

/** The cases as a runner would get them, by name. */
function casesOf(options: Partial<StoreContractOptions> = {}): Map<string, Run> {
  const cases = new Map<string, Run>()
  const createStore = ({ clock }: StoreContext): Store => memoryStore({ clock })
  storeContract({ test: (name, run) => void cases.set(name, run), createStore, ...options })
  return cases
}

/** Runs a case and returns why it was skipped, if it was. */
async function skipOf(run: Run): Promise<string | undefined> {
  let skipped: string | undefined
  await run({ skip: (reason) => void (skipped = reason) })
  return skipped
}

const push = 'store contract: a bump made through another store on the same data is pushed as it was made'

test('a case that a store cannot be held to is skipped through the context of the runner, with the reason', async () => {
  assert.equal(await skipOf(casesOf().get(push)!), 'the store does not push')
})

test('a case that the caller gave no way to run is skipped with what to say', async () => {
  const pushing = ({ clock }: StoreContext): Store => {
    const store = memoryStore({ clock })
    return Object.defineProperty(store, 'capabilities', { value: { ...store.capabilities, push: true } })
  }
  assert.equal(
    await skipOf(casesOf({ createStore: pushing }).get(push)!),
    'nobody says how it is opened twice (`reopenStore`)',
  )
})

test('a case runs where it can', async () => {
  assert.equal(await skipOf(casesOf().get('store contract: a created entry reads back with version 1')!), undefined)
})

test('a runner that hands over nothing is enough', async () => {
  await casesOf().get(push)!()
})

test('no case shows a parameter: a runner might take it for a callback to wait for', () => {
  for (const run of casesOf().values()) assert.equal(run.length, 0)
})

test('every name is there once', () => {
  const names: string[] = []
  storeContract({ test: (name) => void names.push(name), createStore: () => memoryStore() })
  assert.equal(new Set(names).size, names.length)
})

test('a bump that names no store, or another, fails', async () => {
  for (const incarnation of [undefined, 'another']) {
    const createStore = ({ clock }: StoreContext): Store =>
      wrapStore(memoryStore({ clock }), async (operation, call) => {
        const reply = await call()
        if (operation !== 'remove') return reply
        const { bumps } = reply as { bumps: object[] }
        return { ...(reply as object), bumps: bumps.map((bump) => ({ ...bump, incarnation })) }
      })
    const run = casesOf({ createStore }).get('store contract: every bump names the incarnation that epochs tells')!
    await assert.rejects(run(), { code: 'ERR_ASSERTION' })
  }
})

test('a store that keeps JSON is held to the meaning of values, not to their bytes', async () => {
  const createStore = ({ clock }: StoreContext): Store => respelling(memoryStore({ clock }))
  for (const [name, run] of casesOf({ createStore })) {
    if (/value|read|list|race|write|replace|expir/.test(name)) await run()
  }
})

/** Keeps values as JSON documents: spaces come and go. */
function respelling(inner: Store): Store {
  Object.defineProperty(inner, 'capabilities', { value: { ...inner.capabilities, values: 'json' } })
  return wrapStore(inner, async (operation, call) => {
    const reply = await call()
    if (operation === 'read') {
      const { entries } = reply as { entries: ({ value: Uint8Array } | undefined)[] }
      return {
        ...(reply as object),
        entries: entries.map((entry) => entry && { ...entry, value: spaced(entry.value) }),
      }
    }
    const taken = operation === 'take' ? (reply as { value: Uint8Array } | undefined) : undefined
    return taken === undefined ? reply : { ...taken, value: spaced(taken.value) }
  })
}

function spaced(value: Uint8Array): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(JSON.parse(new TextDecoder().decode(value)), undefined, 1))
}
