import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkArchitecture } from './architecture.ts'

/** A small project without fault; each test plants one. */
const sound: Record<string, string> = {
  'src/index.ts': "export { createAuth } from './auth/create-auth.ts'",
  'src/adapters/express.ts':
    "import type { Request } from 'express'\nimport type { Auth } from '../auth/create-auth.ts'",
  'src/auth/create-auth.ts': [
    "import { createProvider } from '../oidc/create-provider.ts'",
    "import { memoryStore } from '../stores/memory.ts'",
  ].join('\n'),
  'src/oidc/create-provider.ts':
    "import { discovery } from 'openid-client'\nimport { RefreshFailure } from '../session/tokens.ts'",
  'src/session/tokens.ts': "import type { Clock } from '../shared/clock.ts'",
  'src/session/service.ts': "import type { Store } from '../cache/store.ts'",
  'src/session/service.test.ts':
    "import { memoryStore } from '../stores/memory.ts'\nimport '../../test/support/app.ts'",
  'src/cache/store.ts': "import type { Clock } from '../shared/clock.ts'",
  'src/stores/memory.ts':
    "import type { Store } from '../cache/store.ts'\nimport type { Session } from '../session/service.ts'",
  'src/stores/sql/pool.ts': '',
  'src/stores/rules/bumps.ts': '',
  'src/testing/contract.ts': "import { memoryStore } from '../stores/memory.ts'",
  'src/shared/clock.ts': "import { hrtime } from 'node:process'",
  'demo/start.ts':
    "import { createAuth } from 'sallyport'\nimport { memoryStore } from 'sallyport/memory'\nimport './page.ts'",
  'demo/page.ts': '',
}

function check(planted: Record<string, string> = {}): string[] {
  return checkArchitecture({
    files: new Map(Object.entries({ ...sound, ...planted })),
    dependencies: ['jose', 'openid-client'],
    peerDependencies: ['express', 'hono', 'pg'],
  })
}

describe('the architecture check', () => {
  test('finds nothing in a sound project', () => {
    assert.deepEqual(check(), [])
  })

  const planted: [string, string, string, RegExp][] = [
    ['cache imports session', 'src/cache/l1.ts', "import '../session/service.ts'", /cache may import only shared/],
    [
      'cache imports types of session',
      'src/cache/l1.ts',
      "import type { A } from '../session/service.ts'",
      /cache may/,
    ],
    [
      'session imports oidc',
      'src/session/a.ts',
      "import '../oidc/create-provider.ts'",
      /session may import only cache, shared/,
    ],
    ['session imports oidc on demand', 'src/session/a.ts', "void import('../oidc/create-provider.ts')", /session may/],
    ['session re-exports auth', 'src/session/a.ts', "export * from '../auth/create-auth.ts'", /session may/],
    [
      'oidc imports the session service',
      'src/oidc/a.ts',
      "import '../session/service.ts'",
      /only shared, session\/tokens\.ts/,
    ],
    ['auth imports a store', 'src/auth/a.ts', "import { memoryStore } from '../stores/memory.ts'", /auth may/],
    ['auth imports an adapter', 'src/auth/a.ts', "import '../adapters/express.ts'", /auth may/],
    ['an adapter imports a store', 'src/adapters/koa.ts', "import '../stores/memory.ts'", /adapters may/],
    ['a store imports values of session', 'src/stores/pg.ts', "import '../session/service.ts'", /types of session/],
    ['a store imports auth', 'src/stores/pg.ts', "import type { A } from '../auth/create-auth.ts'", /stores may/],
    ['a store imports another', 'src/stores/pg/a.ts', "import '../memory.ts'", /the store pg takes nothing of memory/],
    [
      'what stores share imports a store',
      'src/stores/sql/a.ts',
      "import '../memory.ts'",
      /sql takes nothing of memory/,
    ],
    [
      'the rules of all stores import SQL',
      'src/stores/rules/a.ts',
      "import '../sql/pool.ts'",
      /rules takes nothing of/,
    ],
    ['shared imports anything', 'src/shared/a.ts', "import '../cache/store.ts'", /shared may import no other layer/],
    ['a source file imports the front door', 'src/session/a.ts', "import '../index.ts'", /index\.ts is for users/],
    ['a source file imports a test', 'src/session/a.ts', "import './service.test.ts'", /only tests import tests/],
    ['an import leads nowhere', 'src/session/a.ts', "import './gone.ts'", /no such file/],
    ['a folder nobody declared', 'src/extras/a.ts', "import '../shared/clock.ts'", /src\/extras is no layer yet/],
    ['an OIDC library outside oidc', 'src/auth/a.ts', "import type { JWTPayload } from 'jose'", /src\/oidc alone/],
    ['an OIDC library that is not a dependency', 'src/oidc/a.ts', "import 'oauth4webapi'", /not in "dependencies"/],
    ['a framework loaded at import', 'src/adapters/koa.ts', "import { Hono } from 'hono'", /a peer is optional/],
    [
      'a framework loaded for its types',
      'src/adapters/koa.ts',
      "import { type Hono } from 'hono'",
      /a peer is optional/,
    ],
    ['a driver subpath loaded at import', 'src/stores/pg.ts', "import pool from 'pg/pool'", /a peer is optional/],
    ['an undeclared package, even on demand', 'src/stores/a.ts', "await import('@redis/client')", /in neither/],
    ['a computed import', 'src/stores/a.ts', 'await import(driver)', /string literal/],
    ['a barrel', 'src/cache/index.ts', "export * from './store.ts'", /barrel/],
    ['a default export', 'src/cache/a.ts', 'export default 1', /exports a default/],
    ['a renamed default export', 'src/cache/a.ts', 'const a = 1\nexport { a as default }', /exports a default/],
    ['logic in a door', 'src/testing.ts', 'export const a = 1', /doors have no logic/],
    ['a file that is too long', 'src/cache/a.ts', '\n'.repeat(301), /has 301 lines/],
    ['a file in another case', 'src/cache/localPush.ts', '', /kebab-case/],
    ['a file named after no idea', 'src/cache/key-utils.ts', '', /named after no idea/],
    ['the demo reaches into src', 'demo/page.ts', "import '../src/index.ts'", /sallyport and its subpaths only/],
    [
      'an example reaches into dist',
      'examples/express/a.ts',
      "import '../../dist/index.js'",
      /sallyport and its subpaths only/,
    ],
  ]
  for (const [name, path, text, expected] of planted) {
    test(`catches: ${name}`, () => {
      const problems = check({ [path]: text })
      assert.equal(problems.length, 1, problems.join('\n'))
      assert.match(problems[0]!, expected)
      assert.ok(problems[0]!.startsWith(`${path}:`), 'it names the file')
    })
  }

  const allowed: [string, string, string][] = [
    ['exactly 300 lines', 'src/cache/a.ts', '\n'.repeat(300)],
    ['a driver on first use', 'src/stores/pg.ts', "const { Pool } = await import('pg')"],
    ['the types of a driver', 'src/stores/pg.ts', "import type { Pool } from 'pg'"],
    ['a store over what SQL stores share', 'src/stores/pg.ts', "import './sql/pool.ts'"],
    ['a piece of a store', 'src/stores/redis/keys.ts', "import type { Store } from '../../cache/store.ts'"],
    ['a piece shared by stores', 'src/adapters/_piece.ts', "import type { Store } from '../cache/store.ts'"],
    ['a nested folder of a layer', 'src/testing/contract/a.ts', "import '../../cache/store.ts'"],
    ['a server under the demo', 'demo/processes/database.ts', "import '../../test/support/servers/server.ts'"],
  ]
  for (const [name, path, text] of allowed) {
    test(`lets pass: ${name}`, () => {
      assert.deepEqual(check({ [path]: text }), [])
    })
  }

  test('reports an exception that is not needed any more', () => {
    const problems = check({ 'src/auth/create-auth.ts': '' })
    assert.equal(problems.length, 1)
    assert.match(problems[0]!, /lets auth\/create-auth\.ts import stores\/memory\.ts, which it no longer does/)
  })
})
