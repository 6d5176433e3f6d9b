import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createKeyRing } from '../session/key-ring.ts'
import { systemRandomness } from '../shared/randomness.ts'
import { BrowserBinding } from './browser-binding.ts'

const keyRing = createKeyRing(['primary-0123456789-0123456789-0123456789'])
const name = '__Host-sallyport-login'
const binding = new BrowserBinding(keyRing, systemRandomness, { name, secure: true })

describe('the cookie that binds logins to a browser', () => {
  it('is read back as the random part it was made with', () => {
    const { random, cookie } = binding.issue()
    assert.equal(binding.read(`a=b; ${cookie.split(';')[0]}; c=d`), random)
  })

  it('is out of reach of scripts, other sites, other paths and plain http', () => {
    const [pair = '', ...attributes] = binding.issue().cookie.split('; ')
    assert.ok(pair.startsWith(`${name}=`))
    assert.deepEqual(attributes.sort(), ['HttpOnly', 'Path=/', 'SameSite=Lax', 'Secure'])
  })

  it('is void when forged', () => {
    const { cookie } = binding.issue()
    const value = cookie.slice(name.length + 1, cookie.indexOf(';'))
    const forged = [`${'A'.repeat(22)}${value.slice(22)}`, value.slice(0, -1), `${value}A`, value.replace('.', '-'), '']
    for (const text of forged) assert.equal(binding.read(`${name}=${text}`), undefined)
  })

  it('is void when there are two, for one may have been planted', () => {
    const pair = (): string => binding.issue().cookie.split(';')[0]!
    assert.equal(binding.read(`${pair()}; ${pair()}`), undefined)
  })

  it('may be absent', () => {
    assert.equal(binding.read(undefined), undefined)
    assert.equal(binding.read(''), undefined)
  })
})
