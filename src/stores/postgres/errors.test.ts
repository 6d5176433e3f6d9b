import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { SallyportError } from '../../shared/errors.ts'
import { isHarmless, isObstructed, translated } from './errors.ts'

function serverError(code: string, severity: string = 'ERROR', rest: object = {}): Error {
  return Object.assign(new Error(`the server said ${code}`), { code, severity, ...rest })
}

function said(error: unknown): SallyportError {
  const result = translated(error)
  assert.ok(result instanceof SallyportError)
  return result
}

for (const [code, message] of [
  ['08006', /connection to PostgreSQL was lost/],
  ['25006', /connect to the primary/],
  ['26000', /PgBouncer 1\.21/],
  ['28P01', /user or the password/],
  ['28000', /user or the password/],
  ['3D000', /database does not exist/],
  ['42501', /grant SELECT, INSERT, UPDATE and DELETE/],
  ['53100', /disk of PostgreSQL is full/],
  ['53200', /out of memory/],
  ['53300', /max_connections/],
  ['55P03', /kept rows locked/],
  ['57014', /took too long/],
  ['57P01', /starting or shutting down/],
  ['57P03', /starting or shutting down/],
  ['XX000', /error XX000/],
] as const) {
  test(`${code} means that the store is unavailable, and why`, () => {
    const error = said(serverError(code))
    assert.equal(error.code, 'ERR_STORE_UNAVAILABLE')
    assert.match(error.message, message)
  })
}

for (const [code, expected] of [
  ['42P01', 'ERR_STORE_MISMATCH'],
  ['42703', 'ERR_STORE_MISMATCH'],
  ['22001', 'ERR_ARGUMENT_INVALID'],
  ['22P02', 'ERR_ARGUMENT_INVALID'],
  ['54000', 'ERR_STORE_VALUE_TOO_LARGE'],
  ['XX001', 'ERR_STORE_CORRUPT'],
] as const) {
  test(`${code} becomes ${expected}`, () => assert.equal(said(serverError(code)).code, expected))
}

for (const [code, message] of [
  ['ECONNREFUSED', /nothing listens/],
  ['ENOTFOUND', /has no address/],
  ['ECONNRESET', /lost or could not be made/],
] as const) {
  test(`${code} means that the store is unavailable, and why`, () => {
    const error = said(Object.assign(new Error(`connect ${code}`), { code }))
    assert.equal(error.code, 'ERR_STORE_UNAVAILABLE')
    assert.match(error.message, message)
  })
}

for (const how of ['no encryption', 'SSL off']) {
  test(`a user whom the server lets in with TLS only is told so, by "${how}"`, () => {
    const message = `no pg_hba.conf entry for host "10.0.0.1", user "app", database "app", ${how}`
    assert.match(said(Object.assign(serverError('28000'), { message })).message, /with TLS only.*sslmode=verify-full/)
  })
}

test('neither keys nor values are in what is told, though the server sends them', () => {
  const secrets = { detail: 'Key (cache_key)=(hunter2) already exists.', where: 'hunter2', hint: 'hunter2' }
  const invalid = Object.assign(new Error('invalid input syntax: "hunter2"'), { code: '22P02', severity: 'ERROR' })
  for (const error of [serverError('23505', 'ERROR', secrets), Object.assign(invalid, secrets)])
    assert.doesNotMatch(inspect(translated(error), { depth: 9 }), /hunter2/)
})

test('an error of ours passes unchanged', () => {
  const error = new SallyportError('ERR_CLOSED', 'closed')
  assert.equal(translated(error), error)
})

test('a connection survives a refused statement, and nothing else', () => {
  assert.ok(isHarmless(serverError('22001')))
  for (const error of [
    serverError('57P01', 'FATAL'),
    serverError('57014', 'FATAL'),
    serverError('26000'),
    new Error('x'),
  ])
    assert.equal(isHarmless(error), false)
})

test('only deadlocks and conflicts of transactions are worth another try', () => {
  const obstructed = ['40P01', '40001', '57014', '23505'].filter((code) => isObstructed(serverError(code)))
  assert.deepEqual(obstructed, ['40P01', '40001'])
})
