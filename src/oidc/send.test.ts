import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../testing/manual-clock.ts'
import { RequestFailure } from './request-failure.ts'
import { createSend } from './send.ts'
import type { SendOptions } from './send.ts'

const url = 'https://op.example/token'

function sender(fetch: SendOptions['fetch']): ReturnType<typeof createSend> {
  return createSend({ fetch, timeoutMs: 5000, clock: manualClock() })
}

async function fateOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof RequestFailure)
  return error.fate
}

test('sends nothing once the signal is aborted', async () => {
  let sent = 0
  const send = sender(async () => {
    sent += 1
    return new Response()
  })
  assert.equal(await fateOf(send(url, {}, AbortSignal.abort())), 'not-sent')
  assert.equal(sent, 0)
})

test('asks for redirects not to be followed, whatever the caller says', async () => {
  let redirect: RequestInit['redirect']
  const send = sender(async (_url, init) => {
    redirect = init?.redirect
    return new Response()
  })
  await send(url, { redirect: 'follow' })
  assert.equal(redirect, 'manual')
})

for (const [code, fate] of [
  ['CERT_HAS_EXPIRED', 'not-sent'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'not-sent'],
  ['UND_ERR_CONNECT_TIMEOUT', 'not-sent'],
  ['ECONNRESET', 'no-answer'],
  ['UND_ERR_SOCKET', 'no-answer'],
] as const) {
  test(`takes ${code} for ${fate}`, async () => {
    const cause = Object.assign(new Error('x'), { code })
    assert.equal(await fateOf(sender(() => Promise.reject(new TypeError('fetch failed', { cause })))(url, {})), fate)
  })
}

test('stops reading an answer that is too long', async () => {
  let chunks = 0
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      chunks += 1
      controller.enqueue(new Uint8Array(100_000))
    },
  })
  assert.equal(await fateOf(sender(async () => new Response(endless))(url, {})), 'too-large')
  assert.ok(chunks < 20)
})

test('yields the whole answer, with its status and headers', async () => {
  const send = sender(async () => new Response('text', { status: 404, headers: { 'content-type': 'text/x' } }))
  const answer = await send(url, {})
  assert.deepEqual([answer.status, answer.headers.get('content-type'), await answer.text()], [404, 'text/x', 'text'])
})
