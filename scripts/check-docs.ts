// Every ```ts block of the documents is compiled against src, and every link and path leads to what is there.
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brokenLinks, missingPaths, moduleOf, readBlocks } from './docs-blocks.ts'
import type { DocsBlock } from './docs-blocks.ts'
import { readFiles, root } from './project-files.ts'

const documents = readFiles('{*.md,{docs,decisions,bench,demo}/**/*.md}')
const blocks = [...documents].flatMap(([document, text]) => readBlocks(document, text))

const problems = [...documents].flatMap(([document, text]) => [
  ...brokenLinks(document, text, (path) => existsSync(join(root, path))),
  ...missingPaths(document, text, (pattern) => globSync(pattern, { cwd: root }).length > 0),
])
problems.push(...compile(blocks))

for (const problem of problems) console.error(problem)
console.log(`docs: ${documents.size} documents, ${blocks.length} blocks, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1

/** Below the root, so that the blocks find `sallyport` and the packages as a user's files would. */
function compile(compiled: readonly DocsBlock[]): string[] {
  if (compiled.length === 0) return []
  mkdirSync(join(root, '.cache'), { recursive: true })
  const folder = mkdtempSync(join(root, '.cache/docs-'))
  try {
    compiled.forEach((block, index) => writeFileSync(join(folder, `${index}.ts`), moduleOf(block)))
    const compilerOptions = { noUnusedLocals: false, noUnusedParameters: false }
    const tsconfig = { extends: '../../tsconfig.json', compilerOptions, include: ['*.ts'] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
    const tsc = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], {
      cwd: folder,
      encoding: 'utf8',
    })
    if (tsc.status === 0) return []
    return (tsc.stdout + tsc.stderr)
      .trimEnd()
      .split('\n')
      .map((line) => atOrigin(line, compiled))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function atOrigin(line: string, compiled: readonly DocsBlock[]): string {
  return line.replace(/^(\d+)\.ts\((\d+),(\d+)\)/, (_, index: string, at: string, column: string) => {
    const block = compiled[Number(index)]
    return block === undefined ? index : `${block.document}:${block.line + Number(at) - 1}:${column}`
  })
}
