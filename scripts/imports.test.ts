import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { onlyReExports, readExports, readImports } from './imports.ts'

function only(text: string) {
  const found = readImports(text)
  assert.equal(found.length, 1, `one import in ${text}`)
  const { specifier, kind, typeOnly, names } = found[0]!
  return { specifier, kind, typeOnly, names }
}

describe('reading imports', () => {
  const statics: [string, string[]][] = [
    ["import { a, b as c } from 'x'", ['a', 'b']],
    ["import a from 'x'", ['default']],
    ["import type from 'x'", ['default']],
    ["import a, { b } from 'x'", ['default', 'b']],
    ["import * as a from 'x'", ['*']],
    ["import a, * as b from 'x'", ['*']],
    ["import 'x'", []],
    ["import {\n  a,\n  type B,\n} from 'x'", ['a', 'B']],
    ['import { a } from "x"', ['a']],
    ["import{a}from'x'", ['a']],
    ["export { a as b } from 'x'", ['a']],
    ["export * from 'x'", ['*']],
    ["export * as a from 'x'", ['*']],
  ]
  for (const [text, names] of statics) {
    test(`loads: ${text}`, () => {
      assert.deepEqual(only(text), { specifier: 'x', kind: 'static', typeOnly: false, names })
    })
  }

  const types: [string, string[]][] = [
    ["import type { A } from 'x'", ['A']],
    ["import type A from 'x'", ['default']],
    ["import type * as a from 'x'", ['*']],
    ["export type { A } from 'x'", ['A']],
    ["export type * from 'x'", ['*']],
  ]
  for (const [text, names] of types) {
    test(`types only: ${text}`, () => {
      assert.deepEqual(only(text), { specifier: 'x', kind: 'static', typeOnly: true, names })
    })
  }

  for (const text of ["await import('x')", "type A = import('x').B", "import(\n  'x',\n)"]) {
    test(`on demand: ${text}`, () => {
      assert.deepEqual(only(text), { specifier: 'x', kind: 'dynamic', typeOnly: false, names: ['*'] })
    })
  }

  for (const text of ['await import(name)', 'import(`x`)', "import('x' + name)", "import(cond ? 'x' : 'y')"]) {
    test(`on demand, unreadable: ${text}`, () => {
      assert.deepEqual(only(text), { specifier: undefined, kind: 'dynamic', typeOnly: false, names: ['*'] })
    })
  }

  const nothing = [
    "// import a from 'x'",
    "/**\n * import a from 'x'\n */",
    'const text = "import a from \'x\'"',
    "const text = `\nimport a from 'x'\n`",
    "const pattern = /import a from 'x'/",
    "subtle.importKey('x')",
    "const from = 'x'",
    "import.meta.resolve('x')",
    'export const a = 1',
    "Array.from('x')",
  ]
  for (const text of nothing) {
    test(`nothing: ${JSON.stringify(text)}`, () => {
      assert.deepEqual(readImports(text), [])
    })
  }

  test('a type exported above does not make the next re-export one of types', () => {
    assert.equal(only("export type A = B\nexport { c } from 'x'").typeOnly, false)
  })

  test('a quote or a backtick inside a regular expression hides nothing behind it', () => {
    assert.equal(only("const a = b.replace(/[`'\"]/g, '')\nimport { c } from 'x'").specifier, 'x')
  })

  test('lines are counted through comments and templates', () => {
    assert.equal(readImports("/*\n\n*/ const a = `\n`\nimport 'x'")[0]?.line, 5)
  })
})

describe('reading exports', () => {
  test('declarations, lists and defaults are found by the name outsiders use', () => {
    const text = [
      'export const a = 1',
      'export async function b() {}',
      'export abstract class C {}',
      'export interface D {}',
      'export type E = string',
      'export { f, g as h }',
      'export type { I }',
      'export default j',
      "export { k } from './k.ts'",
    ].join('\n')
    assert.deepEqual(
      readExports(text).map((found) => found.name),
      ['a', 'b', 'C', 'D', 'E', 'f', 'h', 'I', 'default'],
    )
  })
})

describe('a door', () => {
  test('re-exports and comments alone make one', () => {
    assert.ok(
      onlyReExports("/** why */\nexport { a } from './a.ts'\nexport type * from './b.ts'\nexport * from './c.ts'\n"),
    )
  })

  test('a statement of its own does not', () => {
    assert.ok(!onlyReExports("export { a } from './a.ts'\nexport const b = 1\n"))
    assert.ok(!onlyReExports("import { a } from './a.ts'\nexport { a }\n"))
  })
})
