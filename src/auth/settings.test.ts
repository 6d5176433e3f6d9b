import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { options } from '../../test/support/auth-context.ts'
import { settle } from './settings.ts'

describe('the settings', () => {
  it('take the origin of baseUrl, whatever stands at its end', () => {
    assert.equal(settle({ ...options, baseUrl: 'https://APP.example:443/' }).origin, 'https://app.example')
  })

  it('hold paths as a header can carry them', () => {
    const login = { defaultReturnTo: '/für alle' }
    const { defaultReturnTo, logoutReturnTo } = settle({ ...options, login, logout: { returnTo: '/tschüss' } })
    assert.deepEqual([defaultReturnTo, logoutReturnTo], ['/f%C3%BCr%20alle', '/tsch%C3%BCss'])
  })

  it('keep the idle timeout within a short absolute lifetime', () => {
    assert.equal(settle({ ...options, session: { absoluteLifetimeSec: 60 } }).idleTimeoutSec, 60)
    assert.equal(settle(options).idleTimeoutSec, 1_800)
  })

  it('give a plain-http localhost cookies that it can keep', () => {
    const { sessionCookie, bindingCookieName } = settle({ ...options, baseUrl: 'http://localhost:3000' })
    assert.deepEqual([sessionCookie.name, sessionCookie.secure], ['sallyport', false])
    assert.equal(bindingCookieName, 'sallyport-login')
  })

  it('bind logins to the host alone, also where the session is shared with subdomains', () => {
    const { sessionCookie, bindingCookieName } = settle({ ...options, session: { cookie: { domain: 'APP.example' } } })
    assert.deepEqual([sessionCookie.name, sessionCookie.domain], ['__Secure-sallyport', 'app.example'])
    assert.equal(bindingCookieName, '__Host-sallyport-login')
  })
})
