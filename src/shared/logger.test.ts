import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { consoleLogger, unfailing } from './logger.ts'

/** What is written while `write` runs, by console method. */
function written(t: TestContext, write: () => void): [method: string, line: string][] {
  const lines: [string, string][] = []
  for (const method of ['debug', 'log', 'info', 'warn', 'error'] as const) {
    t.mock.method(console, method, (...args: unknown[]) => void lines.push([method, args.join(' ')]))
  }
  write()
  t.mock.restoreAll()
  return lines
}

test('warnings and errors are written to the console, one line each', (t) => {
  const lines = written(t, () => {
    consoleLogger.warn({ store: 'sqlite' }, 'a warning')
    consoleLogger.error({ path: '/x' }, 'an error')
  })
  assert.deepEqual(lines, [
    ['warn', 'sallyport warn: a warning {"store":"sqlite"}'],
    ['error', 'sallyport error: an error {"path":"/x"}'],
  ])
})

test('nothing below a warning is written', (t) => {
  const lines = written(t, () => {
    consoleLogger.debug({}, 'a detail')
    consoleLogger.info({}, 'a figure')
  })
  assert.deepEqual(lines, [])
})

test('an error is told by its name, its message and its causes', (t) => {
  const err = new TypeError('outer', { cause: new Error('inner') })
  const [[, line] = ['', '']] = written(t, () => consoleLogger.warn({ err }, 'failed'))
  assert.match(line, /"err":"TypeError: outer <- Error: inner"/)
})

test('what was thrown and is no error is not shown: nobody knows what it holds', (t) => {
  const [[, line] = ['', '']] = written(t, () => consoleLogger.warn({ err: 'token abc' }, 'failed'))
  assert.match(line, /"err":"unknown"/)
})

test('a message of several lines stays on one', (t) => {
  const err = new Error('one\ntwo')
  const [[, line] = ['', '']] = written(t, () => consoleLogger.error({ err }, 'failed'))
  assert.doesNotMatch(line, /\n/)
})

test('a logger that fails, at once or later, takes nobody with it', async () => {
  const fail = (): never => assert.fail('the worker has exited')
  const later = Promise.reject.bind(Promise, new Error('the worker has exited')) as () => void
  const throwing = unfailing({ debug: fail, info: fail, warn: fail, error: fail })
  const async = unfailing({ debug: later, info: later, warn: later, error: later })
  for (const logger of [throwing, async])
    for (const level of ['debug', 'info', 'warn', 'error'] as const) logger[level]({}, 'x')
  // An unhandled rejection would fail the run.
  await new Promise((resolve) => void setImmediate(resolve))
})
