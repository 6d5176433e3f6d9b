import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findServerHere } from './find-server.ts'
import type { SourceName } from './kinds.ts'
import { MissingServer } from './missing-server.ts'

/** Sources of which these have a server. */
function sourcesWith(...having: readonly SourceName[]): Parameters<typeof findServerHere>[1] & object {
  const source = (name: SourceName) => async () => {
    if (!having.includes(name)) throw new Error(`nothing from ${name}`)
    return { from: name, server: ['/server'] as const, home: '/', env: {} }
  }
  return {
    installed: source('installed'),
    debian: source('debian'),
    docker: source('docker'),
    package: source('package'),
  }
}

describe('finding a server', { skip: process.platform !== 'linux' }, () => {
  for (const [kind, having, from] of [
    ['redis', ['installed', 'debian', 'docker'], 'installed'],
    ['redis', ['debian', 'docker'], 'debian'],
    ['mariadb', ['docker'], 'docker'],
    ['postgres', ['package'], 'package'],
    ['postgres18', ['installed', 'package'], 'package'],
    ['mysql', ['installed', 'debian'], 'debian'],
  ] as const) {
    it(`${kind} comes from ${from}, where there are ${having.join(', ')}`, async () => {
      assert.equal((await findServerHere(kind, sourcesWith(...having))).from, from)
    })
  }

  it('that is nowhere fails with every reason and how to install it', async () => {
    await assert.rejects(findServerHere('redis', sourcesWith()), (error) => {
      assert.ok(error instanceof MissingServer)
      assert.equal(error.because, 'nothing from installed; nothing from debian; nothing from docker')
      assert.match(error.message, /^no redis for the tests: .*apt-get install redis-server$/)
      return true
    })
  })

  it('looks for none where the environment names one', async (t) => {
    process.env.SALLYPORT_TEST_VALKEY_URL = 'redis://127.0.0.1:1'
    t.after(() => delete process.env.SALLYPORT_TEST_VALKEY_URL)
    await assert.rejects(findServerHere('valkey', sourcesWith('installed')), /SALLYPORT_TEST_VALKEY_URL/)
  })
})
