import { posix } from 'node:path'
import { onlyReExports, readExports, readImports } from './imports.ts'
import type { Import } from './imports.ts'
import { directionProblem, exceptions, isDoor } from './layers.ts'

export interface Project {
  /** Text by path from the root, with forward slashes. */
  files: ReadonlyMap<string, string>
  dependencies: readonly string[]
  peerDependencies: readonly string[]
}

const maxLines = 300
const oidcLibraries = ['openid-client', 'oauth4webapi', 'jose']
const unnamedIdeas = /(^|-)(utils?|helpers?|managers?|impl|base|common|misc)(-|\.|$)/

/** Every way in which the files break the rules of ARCHITECTURE.md, as `path:line what and why`. */
export function checkArchitecture(project: Project): string[] {
  const problems: string[] = []
  for (const [path, text] of project.files) {
    if (isSource(path)) problems.push(...sourceProblems(path, text, project))
    else if (/^(demo|examples)\//.test(path)) problems.push(...outsiderProblems(path, text))
  }
  return [...problems, ...idleExceptions(project)]
}

function isSource(path: string): boolean {
  return path.startsWith('src/') && !path.endsWith('.test.ts')
}

function sourceProblems(path: string, text: string, project: Project): string[] {
  const file = path.slice('src/'.length)
  const problems: string[] = []
  const lines = text.split('\n').length - 1
  if (lines > maxLines) problems.push(`${path}:${maxLines} has ${lines} lines; one idea fits in ${maxLines}`)
  problems.push(...nameProblems(path, file))
  if (isDoor(file) && !onlyReExports(text)) problems.push(`${path}:1 holds more than re-exports; doors have no logic`)
  for (const { name, line } of readExports(text)) {
    if (name === 'default') problems.push(`${path}:${line} exports a default; name it`)
  }
  for (const found of readImports(text)) {
    const problem = importProblem(file, found, project)
    if (problem !== undefined)
      problems.push(`${path}:${found.line} imports ${found.specifier ?? 'a computed name'}: ${problem}`)
  }
  return problems
}

function nameProblems(path: string, file: string): string[] {
  const name = posix.basename(file)
  if (name === 'index.ts' && !isDoor(file)) return [`${path}:1 is a barrel; import the files themselves`]
  if (!/^_?[a-z0-9]+(-[a-z0-9]+)*\.ts$/.test(name)) return [`${path}:1 is not named in kebab-case`]
  if (unnamedIdeas.test(name)) return [`${path}:1 is named after no idea`]
  return []
}

function importProblem(file: string, found: Import, project: Project): string | undefined {
  const { specifier, kind, typeOnly } = found
  if (specifier === undefined) return 'import() takes a string literal, so that this check can read it'
  if (specifier.startsWith('node:')) return undefined
  if (!specifier.startsWith('.'))
    return packageProblem(file, packageOf(specifier), kind === 'dynamic' || typeOnly, project)
  const target = posix.join('src', posix.dirname(file), specifier)
  if (!project.files.has(target)) return 'there is no such file'
  if (!isSource(target)) return 'only tests import tests and what lies outside src'
  return directionProblem(file, target.slice('src/'.length), typeOnly)
}

function packageProblem(file: string, name: string, free: boolean, project: Project): string | undefined {
  if (oidcLibraries.includes(name)) {
    if (!file.startsWith('oidc/')) return 'OIDC libraries belong in src/oidc alone'
    return project.dependencies.includes(name) ? undefined : 'not in "dependencies"'
  }
  if (project.dependencies.includes(name)) return undefined
  if (!project.peerDependencies.includes(name)) return 'in neither "dependencies" nor "peerDependencies"'
  return free ? undefined : 'a peer is optional: take its types, or load it with import() on first use'
}

/** What the demo runs on if it is asked to: a database, started as tests start theirs. */
const demoServers = 'test/support/servers/server.ts'

/** The demo and the examples are users: nothing of ours but what a user can import. */
function outsiderProblems(path: string, text: string): string[] {
  const home = path.split('/')[0] ?? ''
  return readImports(text).flatMap(({ specifier, line }) => {
    if (specifier === undefined || !specifier.startsWith('.')) return []
    const target = posix.join(posix.dirname(path), specifier)
    if (target.startsWith(`${home}/`) || (home === 'demo' && target === demoServers)) return []
    return [`${path}:${line} imports ${specifier}: ${home}/ takes our code from sallyport and its subpaths only`]
  })
}

function idleExceptions(project: Project): string[] {
  const idle = exceptions.filter(({ from, to }) => {
    const targets = readImports(project.files.get(`src/${from}`) ?? '').map(({ specifier = '' }) => specifier)
    return !targets.some((specifier) => posix.join(posix.dirname(from), specifier) === to)
  })
  return idle.map(({ from, to }) => `scripts/layers.ts:1 lets ${from} import ${to}, which it no longer does`)
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}
