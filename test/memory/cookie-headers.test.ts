import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureAlone } from '../support/heap.ts'

interface Reading {
  entries: number
  bytesPerSession: number
}

const program = new URL('read-headers.ts', import.meta.url)

test('a session in memory does not hold the Cookie header it was found in', async (t) => {
  const short = (await measureAlone(program, '0')) as Reading
  const long = (await measureAlone(program, '4096')) as Reading
  assert.deepEqual([short.entries, long.entries], [10_000, 10_000])
  t.diagnostic(
    `bytes per session: ${Math.round(short.bytesPerSession)}, from 4 KB headers ${Math.round(long.bytesPerSession)}`,
  )
  assert.ok(long.bytesPerSession - short.bytesPerSession < 64, 'the headers are held')
})
