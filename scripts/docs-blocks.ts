import { posix } from 'node:path'

/** One fenced ```ts block of a Markdown file. */
export interface DocsBlock {
  document: string
  /** Line of the block's first line of code in the document. */
  line: number
  code: string
  /** What `<!-- with: name … -->` on the line before the fence names: files of scripts/docs-preambles. */
  preambles: string[]
}

export function readBlocks(document: string, text: string): DocsBlock[] {
  const blocks: DocsBlock[] = []
  for (const match of text.matchAll(/(?:<!-- with: ([\w -]+) -->\s*\n)?^```ts[^\n]*\n([^]*?)^```$/gm)) {
    const [whole, names = '', code = ''] = match
    const before = text.slice(0, match.index) + whole.slice(0, whole.indexOf('```ts'))
    blocks.push({ document, line: before.split('\n').length + 1, code, preambles: names.split(/\s+/).filter(Boolean) })
  }
  return blocks
}

/** A module made of preambles and the block, and where each of its lines comes from. */
export interface DocsModule {
  code: string
  /** `file:line` of a line of the module, counted from 1. */
  originOf(line: number): string
}

export function moduleOf(block: DocsBlock, preambles: ReadonlyMap<string, string>): DocsModule {
  const parts = block.preambles.map((name) => {
    const path = `scripts/docs-preambles/${name}.ts`
    const code = preambles.get(path)
    if (code === undefined)
      throw new Error(`${block.document}:${block.line - 1} names a preamble that is missing: ${path}`)
    return { path, line: 1, code }
  })
  parts.push({ path: block.document, line: block.line, code: block.code })
  const origins = parts.flatMap(({ path, line, code }) => lines(code).map((_, index) => `${path}:${line + index}`))
  return {
    // Without an import or export of its own a block would be a script, whose names all blocks share.
    code: `${parts.map(({ code }) => lines(code).join('\n')).join('\n')}\nexport {}\n`,
    originOf: (line) => origins[line - 1] ?? `${block.document}:${block.line}`,
  }
}

/** Links of a Markdown file to files that are not there. `exists` takes a path from the root. */
export function brokenLinks(document: string, text: string, exists: (path: string) => boolean): string[] {
  const prose = text.replace(/^```[^]*?^```$/gm, (block) => block.replace(/[^\n]+/g, ''))
  const problems: string[] = []
  for (const match of prose.matchAll(/\]\(([^)\s#]+)(?:#[^)\s]*)?\)/g)) {
    const target = match[1] ?? ''
    if (/^[a-z]+:/.test(target)) continue
    const path = posix.join(posix.dirname(document), target)
    if (exists(path)) continue
    const line = prose.slice(0, match.index).split('\n').length
    problems.push(`${document}:${line} links to ${target}, which is not there`)
  }
  return problems
}

function lines(code: string): string[] {
  return code.replace(/\n$/, '').split('\n')
}
