// Every ```ts block of the documents is compiled against src, and every link to a file leads to one.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brokenLinks, moduleOf, readBlocks } from './docs-blocks.ts'
import type { DocsModule } from './docs-blocks.ts'
import { readFiles, root } from './project-files.ts'

const documents = readFiles('{*.md,{docs,decisions,examples,bench,demo}/**/*.md}')
const preambles = readFiles('scripts/docs-preambles/*.ts')
const blocks = [...documents].flatMap(([document, text]) => readBlocks(document, text))

const problems = [...documents].flatMap(([document, text]) =>
  brokenLinks(document, text, (path) => existsSync(join(root, path))),
)
for (const path of preambles.keys()) {
  const name = path.slice('scripts/docs-preambles/'.length, -'.ts'.length)
  if (!blocks.some((block) => block.preambles.includes(name))) problems.push(`${path}:1 is named by no block`)
}
problems.push(...compile(blocks.map((block) => moduleOf(block, preambles))))

for (const problem of problems) console.error(problem)
console.log(`docs: ${documents.size} documents, ${blocks.length} blocks, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1

/** Below the root, so that the blocks find `sallyport` and the packages as a user's files would. */
function compile(modules: readonly DocsModule[]): string[] {
  if (modules.length === 0) return []
  mkdirSync(join(root, '.cache'), { recursive: true })
  const folder = mkdtempSync(join(root, '.cache/docs-'))
  try {
    modules.forEach(({ code }, index) => writeFileSync(join(folder, `${index}.ts`), code))
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
      .map((line) => atOrigin(line, modules))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function atOrigin(line: string, modules: readonly DocsModule[]): string {
  return line.replace(/^(\d+)\.ts\((\d+),(\d+)\)/, (_, index: string, at: string, column: string) => {
    const origin = modules[Number(index)]?.originOf(Number(at)) ?? index
    return `${origin}:${column}`
  })
}
