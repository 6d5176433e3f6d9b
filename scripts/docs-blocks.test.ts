import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { brokenLinks, moduleOf, readBlocks } from './docs-blocks.ts'

const document = [
  '# Title', // 1
  '',
  '<!-- with: auth express -->', // 3
  '',
  '```ts', // 5
  'app.use(web)', // 6
  '```',
  '',
  '```ts', // 9
  'const a = 1', // 10
  'const b = 2',
  '```',
  '',
  '```sh',
  'npm ci',
  '```',
].join('\n')

describe('blocks of a document', () => {
  test('ts blocks are found with their lines and preambles, other languages are not', () => {
    assert.deepEqual(readBlocks('README.md', document), [
      { document: 'README.md', line: 6, code: 'app.use(web)\n', preambles: ['auth', 'express'] },
      { document: 'README.md', line: 10, code: 'const a = 1\nconst b = 2\n', preambles: [] },
    ])
  })

  test('a line of the compiled module leads back to the document or the preamble', () => {
    const block = readBlocks('README.md', document)[0]!
    const preambles = new Map([
      ['scripts/docs-preambles/auth.ts', 'first\nsecond\n'],
      ['scripts/docs-preambles/express.ts', 'third\n'],
    ])
    const { code, originOf } = moduleOf(block, preambles)
    assert.equal(code, 'first\nsecond\nthird\napp.use(web)\nexport {}\n')
    assert.equal(originOf(2), 'scripts/docs-preambles/auth.ts:2')
    assert.equal(originOf(3), 'scripts/docs-preambles/express.ts:1')
    assert.equal(originOf(4), 'README.md:6')
  })

  test('a preamble that is missing is named with the document', () => {
    assert.throws(() => moduleOf(readBlocks('README.md', document)[0]!, new Map()), /README\.md:5 .*auth\.ts/)
  })
})

describe('links of a document', () => {
  const exists = (path: string): boolean => path === 'docs/here.md'

  test('links to missing files are reported, relative to the document', () => {
    const text = 'See [a](here.md), [b](./here.md#part)\nand [c](../gone.md).'
    assert.deepEqual(brokenLinks('docs/guide.md', text, exists), [
      'docs/guide.md:2 links to ../gone.md, which is not there',
    ])
  })

  test('links to the web, to anchors and in code are left alone', () => {
    const text = '[a](https://example.com) [b](#part) [c](mailto:a@b.c)\n```ts\nx[0](gone)\n```\n'
    assert.deepEqual(brokenLinks('README.md', text, exists), [])
  })
})
