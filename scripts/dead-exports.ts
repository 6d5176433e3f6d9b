import { posix } from 'node:path'
import { readExports, readImports } from './imports.ts'

/**
 * Exports of `src/` that no other file takes and no subpath offers, as `path:line what`. Text by path from the root;
 * `entries` are the files that users import, whose exports are for them.
 */
export function deadExports(files: ReadonlyMap<string, string>, entries: ReadonlySet<string>): string[] {
  const taken = takenNames(files)
  const problems: string[] = []
  for (const [path, text] of files) {
    if (!path.startsWith('src/') || path.endsWith('.test.ts') || entries.has(path)) continue
    const names = taken.get(path) ?? new Set()
    if (names.has('*')) continue
    for (const { name, line, isType } of readExports(text)) {
      // A type that the file itself uses lives with what it describes, such as the options of a function.
      if (!names.has(name) && !(isType && isMentionedTwice(name, text)))
        problems.push(`${path}:${line} exports ${name}, which nothing imports`)
    }
  }
  return problems
}

function isMentionedTwice(name: string, text: string): boolean {
  return text.match(new RegExp(`\\b${name}\\b`, 'g'))!.length > 1
}

/** What other files take, by the path they take it from. */
function takenNames(files: ReadonlyMap<string, string>): Map<string, Set<string>> {
  const taken = new Map<string, Set<string>>()
  for (const [path, text] of files) {
    for (const { specifier, names } of readImports(text)) {
      if (specifier === undefined || !specifier.startsWith('.')) continue
      const target = posix.join(posix.dirname(path), specifier)
      const known = taken.get(target) ?? new Set()
      taken.set(target, new Set([...known, ...names]))
    }
  }
  return taken
}
