import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { header } from '../../test/support/auth-context.ts'
import { pageReply } from './pages.ts'

describe('a page', () => {
  it('escapes every text', () => {
    const evil = `"'><script>alert(1)</script>&`
    const action = { label: evil, href: evil }
    const { body } = pageReply({ status: 400, title: evil, text: evil, reference: evil, action, goTo: evil })
    assert.doesNotMatch(body, /<script|alert\(1\)<\/script|"'>/)
  })

  it('allows its own style and nothing else', () => {
    const reply = pageReply({ status: 400, title: 'a', text: 'b' })
    const [, style = ''] = /<style>([^]*)<\/style>/.exec(reply.body) ?? []
    const hash = createHash('sha256').update(style).digest('base64')
    const policy = header(reply, 'Content-Security-Policy') ?? ''
    assert.ok(policy.startsWith(`default-src 'none'; style-src 'sha256-${hash}'`), policy)
    assert.doesNotMatch(reply.body, /<script|src=|style=/)
  })

  it('is kept by no cache, framed by nobody, and tells no other site where it was', () => {
    const reply = pageReply({ status: 400, title: 'a', text: 'b' })
    assert.equal(header(reply, 'Cache-Control'), 'no-store')
    assert.equal(header(reply, 'X-Frame-Options'), 'DENY')
    assert.equal(header(reply, 'Referrer-Policy'), 'no-referrer')
  })
})
