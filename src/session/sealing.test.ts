import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { recordingLogger } from '../../test/support/recording-logger.ts'
import type { Store, StoreCapabilities } from '../cache/store.ts'
import { ConfigError } from '../shared/errors.ts'
import { checkOptions } from '../shared/options.ts'
import { memoryStore } from '../stores/memory.ts'
import { compareSealing, sealingRules, settleSealing, type SealingOptions } from './sealing.ts'

const jsonOnly: Partial<StoreCapabilities> = { values: 'json' }

function storeThatKeeps(more: Partial<StoreCapabilities>): Store {
  const store = memoryStore()
  return Object.assign(store, { capabilities: { ...store.capabilities, ...more } })
}

/** What is said of the options, by name. */
function problemsOf(options: object, store?: Store): Record<string, string> {
  const problems: Record<string, string> = {}
  try {
    checkOptions<SealingOptions>('sealing', options, sealingRules, (sound, { report, isSound }) => {
      if (isSound('seal', 'compressAboveBytes')) compareSealing(sound, store, report)
    })
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    for (const { path, message } of error.problems) problems[path] = message
  }
  return problems
}

describe('options', () => {
  test('may be left out, and every mode may be chosen', () => {
    for (const options of [{}, { seal: true }, { seal: 'server' }, { seal: false }]) {
      assert.deepEqual(problemsOf(options, memoryStore()), {})
    }
  })

  test('a mode there is not is refused, and what was given is not shown', () => {
    assert.deepEqual(problemsOf({ seal: 'Server' }), { seal: "must be true, 'server' or false" })
    assert.deepEqual(problemsOf({ seal: 0 }), { seal: "must be true, 'server' or false, not a number" })
    assert.deepEqual(problemsOf({ seal: null }), { seal: "must be true, 'server' or false, not null" })
  })

  test('values may be deflated above 1 to 1,048,576 bytes, where they are sealed', () => {
    for (const compressAboveBytes of [1, 2 ** 20]) {
      for (const seal of [undefined, true, 'server']) assert.deepEqual(problemsOf({ seal, compressAboveBytes }), {})
    }
    for (const compressAboveBytes of [0, 1.5, 2 ** 20 + 1, Infinity, '1024', true]) {
      assert.deepEqual(Object.keys(problemsOf({ compressAboveBytes })), ['compressAboveBytes'])
    }
  })

  test('readable values are not deflated: nobody could read them', () => {
    assert.match(problemsOf({ seal: false, compressAboveBytes: 1 }).compressAboveBytes!, /sealed values only/)
  })

  test('a store that keeps JSON only takes readable values only', () => {
    const store = storeThatKeeps(jsonOnly)
    for (const options of [{}, { seal: true }, { seal: 'server' }]) {
      assert.match(problemsOf(options, store).seal!, /must be false with a store that keeps JSON only/)
    }
    assert.deepEqual(problemsOf({ seal: false }, store), {})
  })
})

describe('settled', () => {
  test('a value is sealed and not deflated, and nothing is said', () => {
    const { logger, lines } = recordingLogger()
    assert.deepEqual(settleSealing({}, logger), { seal: true, compressAboveBytes: Infinity })
    settleSealing({ seal: true, compressAboveBytes: 1 }, logger)
    assert.deepEqual(lines, [])
  })

  for (const [seal, what] of [
    ['server', /store and the secret/],
    [false, /every token/],
  ] as const) {
    test(`seal: ${seal} is said in one line of the log`, () => {
      const { logger, lines } = recordingLogger()
      assert.equal(settleSealing({ seal }, logger).seal, seal)
      assert.deepEqual(
        lines.map(({ level, fields }) => [level, fields]),
        [['warn', { seal }]],
      )
      assert.match(lines[0]!.message, what)
    })
  }
})
