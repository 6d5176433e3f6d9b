import { globSync } from 'node:fs'
import { sep } from 'node:path'

/** Test files that run together. */
export interface TestGroup {
  name: string
  files: string[]
}

/** Folders of `test/` that need no server and no browser: they run with the unit tests. */
const unitFolders = ['support', 'types', 'fixtures']
/** These measure delays, or start processes that would fight for the cores: they run last, one file at a time. */
export const heavyGroups: readonly string[] = ['faults', 'package', 'browser']

/** Every test file of the project. A new folder under `test/` is a group by being there. */
export function findTestFiles(): string[] {
  const files = globSync('{src,scripts,bench,demo,test}/**/*.test.ts', {
    exclude: (name) => name === 'node_modules',
  })
  return files.map((file) => file.split(sep).join('/')).sort()
}

export function groupTests(files: readonly string[]): TestGroup[] {
  const rank = (name: string): number => (name === 'unit' ? -1 : heavyGroups.indexOf(name) + 1)
  const names = [...new Set(files.map(groupOf))].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b))
  return names.map((name) => ({ name, files: files.filter((file) => groupOf(file) === name) }))
}

/** What `npm test -- <name>…` names: a group, a file, or a folder. A name that matches nothing is an error. */
export function selectTests(files: readonly string[], names: readonly string[]): string[] {
  const chosen = names.flatMap((name) => {
    const wanted = name.replace(/^\.\//, '').replace(/\/$/, '')
    const hits = files.filter((file) => file === wanted || file.startsWith(`${wanted}/`) || groupOf(file) === wanted)
    if (hits.length === 0) throw new Error(`no test file, folder or group is called ${name}`)
    return hits
  })
  return names.length === 0 ? [...files] : [...new Set(chosen)]
}

function groupOf(path: string): string {
  const [top, folder = '', file] = path.split('/')
  return top === 'test' && file !== undefined && !unitFolders.includes(folder) ? folder : 'unit'
}
