import assert from 'node:assert/strict'
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { readManifest, root, sourceOf } from '../../scripts/project-files.ts'
import { copyInto, installPacked, runNode } from './packed.ts'
import type { InstalledPackage } from './packed.ts'

const manifest = readManifest()
const entries = Object.entries(manifest.exports).flatMap(([subpath, target]) =>
  typeof target === 'string' ? [] : [{ name: join(manifest.name, subpath), target }],
)
/** Subpaths whose types are about an optional peer. */
const peersOf: Record<string, string[]> = {
  'sallyport/express': ['express'],
  'sallyport/hono': ['hono'],
  'sallyport/mysql': ['mysql2'],
  'sallyport/postgres': ['pg'],
}
const alone = entries.filter(({ name }) => peersOf[name] === undefined)

let installed: InstalledPackage
before(() => {
  installed = installPacked()
})
after(() => rmSync(installed.project, { recursive: true }))

describe('the packed tarball', () => {
  test('holds the built files and the documents, nothing else', () => {
    const expected =
      /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|SECURITY\.md|dist\/(?!.*\.test\.)[\w/-]+(\.d\.ts|\.js))$/
    assert.deepEqual(
      installed.files.filter((file) => !expected.test(file)),
      [],
    )
    for (const file of ['README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md'])
      assert.ok(installed.files.includes(file), file)
  })

  test('holds a built file for each source file, and none that is left over', () => {
    const sources = globSync('src/**/*.ts', { cwd: root }).filter((path) => !path.endsWith('.test.ts'))
    const expected = sources.flatMap((path) => {
      const stem = path.replace(/^src/, 'dist').replace(/\.ts$/, '')
      return [`${stem}.d.ts`, `${stem}.js`]
    })
    assert.deepEqual(installed.files.filter((file) => file.startsWith('dist/')).sort(), expected.sort())
  })

  test('points to no source map', () => {
    const pointing = installed.files.filter((file) => {
      return file.startsWith('dist/') && readFileSync(join(installed.home, file), 'utf8').includes('sourceMappingURL')
    })
    assert.deepEqual(pointing, [])
  })

  test('publint has nothing to say', async () => {
    const { messages, pkg } = await publint({ pkgDir: installed.home, strict: true, pack: false })
    assert.deepEqual(
      messages.map((message) => formatMessage(message, pkg)),
      [],
    )
  })
})

describe('the exports', () => {
  test('name files that are built, types first', () => {
    for (const { name, target } of entries) {
      assert.deepEqual(Object.keys(target), ['types', 'default'], name)
      assert.equal(target.types.replace(/\.d\.ts$/, ''), target.default.replace(/\.js$/, ''), name)
    }
  })

  test('can be read off the folders: each adapter and each store is a subpath of its name', () => {
    const files = globSync(['src/adapters/*.ts', 'src/stores/*.ts'], { cwd: root })
    const open = files.filter((path) => !/^_|\.test\.ts$/.test(basename(path)))
    const expected = open.map((path) => `sallyport/${basename(path, '.ts')}`)
    const doors = ['sallyport', 'sallyport/testing']
    assert.deepEqual(entries.map(({ name }) => name).sort(), [...expected, ...doors].sort())
  })

  test('are where the compiler looks for them in this repository', () => {
    const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')) as {
      compilerOptions: { paths: Record<string, string[]> }
    }
    const sources = entries.map(({ name, target }) => [name, [`./${sourceOf(target)}`]])
    assert.deepEqual(compilerOptions.paths, Object.fromEntries(sources))
  })
})

describe('a project with no optional peer installed', () => {
  for (const { name } of entries) {
    test(`import('${name}') loads, prints nothing and lets the process end`, () => {
      assert.deepEqual(runNode(installed.project, ['-e', `import('${name}')`]), { status: 0, output: '' })
    })

    test(`require('${name}') loads: no module of its graph awaits at its top`, () => {
      assert.deepEqual(runNode(installed.project, ['-e', `require('${name}')`]), { status: 0, output: '' })
    })

    test(`loading ${name} starts no timer, socket, worker or watcher`, () => {
      writeFileSync(join(installed.project, 'watched.cjs'), watchedLoad)
      assert.deepEqual(runNode(installed.project, ['watched.cjs', name]), { status: 0, output: '[]' })
    })
  }

  test('the types of every subpath that needs no peer resolve, from ESM and from CommonJS', () => {
    copyTypes(installed.project)
    assert.deepEqual(compileUses(installed.project, alone), { status: 0, output: '' })
  })
})

describe('a project with the peers installed', () => {
  let withPeers: InstalledPackage
  before(() => {
    withPeers = installPacked()
    copyTypes(withPeers.project)
    for (const name of ['hono', ...expressTypes, ...driverTypes]) copyInto(withPeers.project, name)
  })
  after(() => rmSync(withPeers.project, { recursive: true }))

  test('the types of every subpath resolve, from ESM and from CommonJS', () => {
    assert.deepEqual(compileUses(withPeers.project, entries), { status: 0, output: '' })
  })
})

const expressTypes = ['express', 'express-serve-static-core', 'body-parser', 'connect', 'send', 'serve-static']
  .concat(['qs', 'range-parser', 'http-errors'])
  .map((name) => `@types/${name}`)

const driverTypes = ['@types/pg', 'pg-types', 'pg-protocol', 'mysql2', 'sql-escaper']

const watchedLoad = `
  // Node itself opens them when it first wants to know their colours.
  void [process.stdout, process.stderr]
  const started = []
  const kinds = /^(Timeout|Immediate|TickObject|TCPWRAP|TCPSERVERWRAP|TLSWRAP|UDPWRAP|PIPEWRAP|WORKER|FSEVENTWRAP|STATWATCHER|SIGNALWRAP|PROCESSWRAP|GETADDRINFOREQWRAP)$/
  require('node:async_hooks').createHook({ init(id, kind) { if (kinds.test(kind)) started.push(kind) } }).enable()
  require(process.argv[2])
  require('node:fs').writeSync(1, JSON.stringify(started))
`

function copyTypes(project: string): void {
  for (const name of ['@types/node', 'undici-types']) copyInto(project, name)
}

/** Our declarations are checked too, as a user without `skipLibCheck` would. */
function compileUses(project: string, subpaths: readonly { name: string }[]) {
  const uses = subpaths
    .map(({ name }, index) => `import * as use${index} from '${name}'\nexport { use${index} }\n`)
    .join('')
  writeFileSync(join(project, 'uses.mts'), uses)
  writeFileSync(join(project, 'uses.cts'), uses)
  const compilerOptions = { module: 'nodenext', target: 'es2023', strict: true, noEmit: true, types: ['node'] }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['uses.*'] }))
  return runNode(project, [join(root, 'node_modules/typescript/bin/tsc'), '-p', project])
}
