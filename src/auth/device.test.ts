import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { deviceOf } from './device.ts'

const engine = 'AppleWebKit/537.36 (KHTML, like Gecko)'

describe('the device a session was opened with', () => {
  const known: [userAgent: string, device: string][] = [
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'],
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${engine} Chrome/140.0 Safari/537.36`, 'Chrome on Windows'],
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${engine} Chrome/140.0 Safari/537.36 Edg/140.0`, 'Edge on Windows'],
    [`Mozilla/5.0 (Linux; Android 15; K) ${engine} Chrome/140.0 Mobile Safari/537.36`, 'Chrome on Android'],
    [`Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) ${engine} Version/18.0 Safari/604.1`, 'Safari on iPhone'],
    [`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${engine} Version/18.0 Safari/605.1`, 'Safari on macOS'],
    ['something on Linux', 'Linux'],
    ['Firefox/140.0', 'Firefox'],
  ]
  for (const [userAgent, device] of known) {
    it(`is ${device}`, () => assert.equal(deviceOf(userAgent), device))
  }

  it('is unknown for what is no browser', () => {
    assert.equal(deviceOf('curl/8.0'), undefined)
    assert.equal(deviceOf(undefined), undefined)
  })
})
