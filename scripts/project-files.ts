import { globSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where package.json lies. */
export const root: string = fileURLToPath(new URL('..', import.meta.url))

/** Text by path from the root, with forward slashes, sorted. */
export function readFiles(pattern: string): Map<string, string> {
  const paths = globSync(pattern, { cwd: root, exclude: (name) => name === 'node_modules' })
  const named = paths.map((path) => path.split(sep).join('/')).sort()
  return new Map(named.map((path) => [path, readFileSync(join(root, path), 'utf8')]))
}

/** What a subpath of the package leads to. */
export interface ExportTarget {
  types: string
  default: string
}

export interface Manifest {
  name: string
  exports: Record<string, string | ExportTarget>
  dependencies: Record<string, string>
  peerDependencies: Record<string, string>
}

export function readManifest(): Manifest {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
}

/** The source file, from the root, that an export is built from. */
export function sourceOf(target: ExportTarget): string {
  return target.default.replace('./dist/', 'src/').replace(/\.js$/, '.ts')
}
