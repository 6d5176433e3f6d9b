import { posix } from 'node:path'

/** One fenced ```ts block of a Markdown file. */
export interface DocsBlock {
  document: string
  /** Line of the block's first line of code in the document. */
  line: number
  code: string
}

export function readBlocks(document: string, text: string): DocsBlock[] {
  return [...text.matchAll(/^```ts[^\n]*\n([^]*?)^```$/gm)].map((match) => {
    const line = lineAt(text, match.index) + 1
    return { document, line, code: match[1] ?? '' }
  })
}

/** The block as a module: without an import or export of its own it would be a script, whose names all blocks share. */
export function moduleOf({ code }: DocsBlock): string {
  return `${code}\nexport {}\n`
}

/** Links of a Markdown file to files that are not there. `exists` takes a path from the root. */
export function brokenLinks(document: string, text: string, exists: (path: string) => boolean): string[] {
  const prose = proseOf(text)
  const problems: string[] = []
  for (const match of prose.matchAll(/\]\(([^)\s#]+)(?:#[^)\s]*)?\)/g)) {
    const target = match[1] ?? ''
    if (/^[a-z]+:/.test(target)) continue
    const path = posix.join(posix.dirname(document), target)
    if (exists(path)) continue
    problems.push(`${document}:${lineAt(prose, match.index)} links to ${target}, which is not there`)
  }
  return problems
}

/** What may be named from `src/` instead of the root, as ARCHITECTURE.md does. */
const layers = 'adapters|auth|cache|oidc|session|shared|stores|testing'
const repositoryPath = new RegExp(
  `\`((?:(?:\\.ci|bench|decisions|demo|docs|scripts|src|test|${layers})/)[\\w.*/-]*)\``,
  'g',
)

/** Paths in backticks, such as `test/races` or `src/*.ts`, that lead nowhere. `exists` takes a pattern from the root. */
export function missingPaths(document: string, text: string, exists: (pattern: string) => boolean): string[] {
  const prose = proseOf(text)
  return [...prose.matchAll(repositoryPath)].flatMap((match) => {
    const path = match[1] ?? ''
    if (exists(path) || exists(`src/${path}`)) return []
    return [`${document}:${lineAt(prose, match.index)} names ${path}, which is not there`]
  })
}

/** The text without what is in fences, its lines where they were. */
function proseOf(text: string): string {
  return text.replace(/^```[^]*?^```$/gm, (block) => block.replace(/[^\n]+/g, ''))
}

/** Counted from 1. */
function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}
