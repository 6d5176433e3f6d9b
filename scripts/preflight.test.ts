import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { root } from './project-files.ts'

describe('preflight', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-preflight-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  /** Runs it in a project that has these files installed, on a Node that says it is of this version. */
  function preflight(name: string, version: string, installed: readonly string[]) {
    const script = join(folder, name, 'scripts/preflight.cjs')
    cpSync(join(root, 'scripts/preflight.cjs'), script)
    for (const file of installed) {
      const path = join(folder, name, 'node_modules', file)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, '')
    }
    const code = `Object.defineProperty(process, 'versions', { value: { node: '${version}' } }); require(process.argv[1])`
    const { status, stderr } = spawnSync(process.execPath, ['-e', code, script], { encoding: 'utf8' })
    return { status, stderr }
  }

  const typescript = 'typescript/package.json'

  for (const version of ['22.18.0', '22.20.1', '24.0.0', '26.1.0']) {
    test(`Node ${version} passes without a word, whoever brought it`, () => {
      assert.deepEqual(preflight(version, version, [typescript]), { status: 0, stderr: '' })
    })
  }

  for (const version of ['12.22.12', '18.20.8', '22.17.1']) {
    test(`Node ${version} without the one we bring: install scripts were off`, () => {
      const { status, stderr } = preflight(version, version, [typescript])
      assert.equal(status, 1)
      assert.match(stderr, new RegExp(`Found Node ${version.replaceAll('.', '\\.')} `))
      assert.match(stderr, /npm rebuild node/)
    })
  }

  test('an old Node beside the one we bring: npm was not asked', () => {
    const { status, stderr } = preflight('beside', '18.20.8', [typescript, 'node/bin/node'])
    assert.equal(status, 1)
    assert.match(stderr, /npm run/)
    assert.doesNotMatch(stderr, /rebuild/)
  })

  test('nothing installed yet: npm ci', () => {
    const { status, stderr } = preflight('empty', '24.0.0', [])
    assert.equal(status, 1)
    assert.match(stderr, /npm ci/)
  })
})
