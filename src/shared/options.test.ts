import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ConfigError } from './errors.ts'
import {
  callable,
  checkOptions,
  flag,
  group,
  integer,
  objectWith,
  oneOf,
  required,
  text,
  type Rules,
} from './options.ts'

interface Options {
  name: string
  limit?: number
  mode?: string
  isOn?: boolean
  call?: () => void
  logger?: object
  session?: { idleTimeoutSec?: number; absoluteLifetimeSec?: number }
}

const rules: Rules<Options> = {
  name: required(text((name) => (name.includes(' ') ? 'must have no blanks' : undefined))),
  limit: integer({ min: 1, max: 10, unit: 'entries' }),
  mode: oneOf('fast', 'safe'),
  isOn: flag(),
  call: callable(),
  logger: objectWith('a logger', 'info', 'warn'),
  session: group<NonNullable<Options['session']>>({
    idleTimeoutSec: integer({ min: 1, max: 100 }),
    absoluteLifetimeSec: integer({ min: 1, max: 100 }),
  }),
}

type Together = Parameters<typeof checkOptions<Options>>[3]

function problems(options: unknown, together?: Together): Record<string, string> {
  try {
    checkOptions<Options>('subject', options, rules, together)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return Object.fromEntries(error.problems.map(({ path, message }) => [path, message]))
  }
  return {}
}

describe('checkOptions', () => {
  it('accepts what keeps the rules', () => {
    class Log {
      info(): void {}
      warn(): void {}
    }
    const options = { name: 'a', limit: 10, mode: 'safe', isOn: false, call() {}, logger: new Log(), session: {} }
    assert.deepEqual(problems(options), {})
  })

  it('takes undefined for an option that was not given', () => {
    assert.deepEqual(problems({ name: 'a', limit: undefined, session: undefined }), {})
  })

  it('names an option that must be given', () => {
    assert.deepEqual(problems({}), { name: 'is required' })
  })

  for (const value of [undefined, null, [], 'text', 7]) {
    it(`refuses ${JSON.stringify(value)} for the options`, () => {
      assert.deepEqual(Object.keys(problems(value)), ['options'])
    })
  }

  for (const value of ['1', Number.NaN, Infinity, 1.5, 0, 11, null]) {
    it(`refuses ${value} (${typeof value}) for a whole number from 1 to 10`, () => {
      assert.match(problems({ name: 'a', limit: value })['limit']!, /^must be a whole number from 1 to 10 \(entries\)/)
    })
  }

  it('says what it found instead, by kind', () => {
    const found = problems({ name: ['a'], mode: 'wrong', isOn: 1, call: {}, logger: { info() {} }, session: 'x' })
    assert.deepEqual(found, {
      name: 'must be a string, not an array',
      mode: "must be one of 'fast', 'safe'",
      isOn: 'must be true or false, not a number',
      call: 'must be a function, not an object',
      logger: 'must be a logger: warn() missing',
      session: 'must be an object, not a string',
    })
  })

  it('suggests the near name of the same group, by its path', () => {
    const found = problems({ name: 'a', session: { idleTimeoutSecs: 1 } })
    assert.deepEqual(found, { 'session.idleTimeoutSecs': 'unknown option; did you mean `session.idleTimeoutSec`?' })
  })

  it('suggests the group an option belongs in', () => {
    const found = problems({ name: 'a', idleTimeoutSec: 1 })
    assert.deepEqual(found, { idleTimeoutSec: 'unknown option; did you mean `session.idleTimeoutSec`?' })
  })

  it('suggests the group of the very name rather than a name like it', () => {
    const store = { store: flag(), login: group<{ scope?: boolean }>({ scope: flag() }) }
    const check = (): void => checkOptions<{ store?: boolean; login?: object }>('subject', { scope: true }, store)
    assert.throws(check, /scope: unknown option; did you mean `login\.scope`\?/)
  })

  it('suggests nothing for a name like no other', () => {
    assert.deepEqual(problems({ name: 'a', zzz: 1 }), { zzz: 'unknown option' })
  })

  it('takes names every object has for unknown options', () => {
    const options = JSON.parse('{ "name": "a", "__proto__": {}, "constructor": 1 }') as unknown
    assert.deepEqual(Object.keys(problems(options)).sort(), ['__proto__', 'constructor'])
  })

  it('reports contradictions together with the rest', () => {
    const found = problems({ name: 'a b', limit: 3 }, ({ limit }, { report }) => {
      if (limit === 3) report('limit', 'does not go with it')
    })
    assert.deepEqual(found, { name: 'must have no blanks', limit: 'does not go with it' })
  })

  it('lets a comparison know whether the options and their groups are sound', () => {
    const seen: boolean[] = []
    const look: Together = (_options, { isSound }) => {
      seen.push(isSound('session.idleTimeoutSec', 'session.absoluteLifetimeSec'))
    }
    problems({ name: 'a', session: { idleTimeoutSec: 1 }, zzz: 1 }, look)
    problems({ name: 'a', session: { idleTimeoutSec: 'x' } }, look)
    problems({ name: 'a', session: 'x' }, look)
    assert.deepEqual(seen, [true, false, false])
  })

  it('shows no value', () => {
    const sentinel = 'S3NT1NEL'
    const found = problems({
      name: `${sentinel} x`,
      limit: sentinel,
      mode: sentinel,
      isOn: sentinel,
      session: sentinel,
    })
    assert.doesNotMatch(JSON.stringify(found), new RegExp(sentinel))
  })
})
