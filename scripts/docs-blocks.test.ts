import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { brokenLinks, missingPaths, moduleOf, readBlocks } from './docs-blocks.ts'

const document = [
  '# Title', // 1
  '',
  '```ts', // 3
  'app.use(web)', // 4
  '```',
  '',
  '```ts', // 7
  'const a = 1', // 8
  'const b = 2',
  '```',
  '',
  '```sh',
  'npm ci',
  '```',
].join('\n')

describe('blocks of a document', () => {
  test('ts blocks are found with their lines, other languages are not', () => {
    assert.deepEqual(readBlocks('README.md', document), [
      { document: 'README.md', line: 4, code: 'app.use(web)\n' },
      { document: 'README.md', line: 8, code: 'const a = 1\nconst b = 2\n' },
    ])
  })

  test('the module of a block begins with the block, so that lines are the same, and shares no names', () => {
    const code = moduleOf(readBlocks('README.md', document)[1]!)
    assert.match(code, /^const a = 1\nconst b = 2\n/)
    assert.match(code, /^export \{\}$/m)
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

describe('paths in backticks', () => {
  const exists = (pattern: string): boolean => ['test/races', 'src/cache/l1.ts', 'docs/*.md'].includes(pattern)

  test('those that lead nowhere are reported', () => {
    const text = 'By `test/races`,\n`test/flows/gone` and `cache/gone.ts`.'
    assert.deepEqual(missingPaths('docs/guide.md', text, exists), [
      'docs/guide.md:2 names test/flows/gone, which is not there',
      'docs/guide.md:2 names cache/gone.ts, which is not there',
    ])
  })

  test('those from the root, from src, and patterns that match are fine', () => {
    assert.deepEqual(missingPaths('docs/guide.md', '`test/races` `cache/l1.ts` `docs/*.md`', exists), [])
  })

  test('what is no path of the repository is left alone', () => {
    const text = '`/auth/login` `sallyport/gone` `npm test -- test/gone` `test`\n```sh\ncat `test/gone`\n```\n'
    assert.deepEqual(missingPaths('README.md', text, exists), [])
  })
})
