/** One `import`, `export … from` or `import()` of a file. */
export interface Import {
  line: number
  /** `undefined` where `import()` was given something else than a string literal. */
  specifier: string | undefined
  kind: 'static' | 'dynamic'
  /** Gone after compilation. `import { type A } from 'x'` is not: it still loads `x`. */
  typeOnly: boolean
  /** What is taken from there under its name there; `*` for everything. */
  names: string[]
}

const strings = `'(?:\\\\.|[^'\\\\\\n])*'|"(?:\\\\.|[^"\\\\\\n])*"`
const templates = '`(?:\\\\[^]|[^`\\\\])*`'
const comments = '\\/\\*[^]*?\\*\\/|\\/\\/[^\\n]*'
const regExps =
  '(?<=(?:[=(,:;!&|?{}[\\n]|\\breturn)\\s*)\\/(?![*/])(?:\\\\.|\\[(?:\\\\.|[^\\]\\\\\\n])*\\]|[^/\\\\\\n[])+\\/'
const noise = new RegExp([strings, templates, comments, regExps].join('|'), 'g')

const clause = '(?:[\\w$]+\\s*,\\s*)?(?:\\{[^{}]*\\}|\\*(?:\\s*as\\s+[\\w$]+)?)|[\\w$]+'
const literal = `'([^'\\n]*)'|"([^"\\n]*)"`
const fromStatement = new RegExp(
  `(?<![\\w$.])(?:import|export)\\b\\s*(type\\b\\s*)?(${clause})\\s*from\\s*(?:${literal})`,
  'g',
)
const bareImport = new RegExp(`(?<![\\w$.])import\\s*(?:${literal})`, 'g')
const importCall = new RegExp(`(?<![\\w$.])import\\s*\\(\\s*(?:(?:${literal})\\s*[,)])?`, 'g')

/** Not a parser: it reads the code of this project, which the formatter keeps in shape. */
export function readImports(text: string): Import[] {
  const code = codeOf(text)
  const found: Import[] = []
  const add = (match: RegExpMatchArray, rest: Omit<Import, 'line'>): void => {
    found.push({ line: lineAt(code, match.index ?? 0), ...rest })
  }
  for (const match of code.matchAll(fromStatement)) {
    const [, type, taken = '', single, double] = match
    add(match, { specifier: single ?? double, kind: 'static', typeOnly: type !== undefined, names: namesIn(taken) })
  }
  for (const match of code.matchAll(bareImport)) {
    add(match, { specifier: match[1] ?? match[2], kind: 'static', typeOnly: false, names: [] })
  }
  for (const match of code.matchAll(importCall)) {
    add(match, { specifier: match[1] ?? match[2], kind: 'dynamic', typeOnly: false, names: ['*'] })
  }
  return found.sort((a, b) => a.line - b.line)
}

export interface Export {
  /** As others see it. */
  name: string
  line: number
  /** Declared by `interface` or `type`. */
  isType: boolean
}

/** What a file's own declarations and lists export; re-exports are imports. */
export function readExports(text: string): Export[] {
  const code = codeOf(text)
  const declaration =
    /^export\s+(?:declare\s+|abstract\s+|async\s+)*(const|let|class|interface|type|function\*?)\s+([\w$]+)/gm
  const list = /^export\s+(?:type\s+)?\{([^{}]*)\}(?!\s*from)/gm
  const found: Export[] = []
  for (const match of code.matchAll(declaration)) {
    const [, keyword = '', name = ''] = match
    found.push({ name, line: lineAt(code, match.index), isType: keyword === 'interface' || keyword === 'type' })
  }
  for (const match of code.matchAll(list)) {
    for (const item of (match[1] ?? '').split(',').filter((part) => part.trim() !== '')) {
      found.push({ name: item.trim().split(/\s+/).at(-1) ?? '', line: lineAt(code, match.index), isType: false })
    }
  }
  for (const match of code.matchAll(/^export\s+default\b/gm)) {
    found.push({ name: 'default', line: lineAt(code, match.index), isType: false })
  }
  return found
}

/** Whether nothing but `export … from` is left when comments are taken away. */
export function onlyReExports(text: string): boolean {
  const statement = new RegExp(`^export\\s+(?:type\\s+)?(?:${clause})\\s*from\\s*(?:${literal})`, 'gm')
  return codeOf(text).replace(statement, '').trim() === ''
}

/** The text without comments, templates, regular expressions, and strings that are no module names; lines stay. */
function codeOf(text: string): string {
  return text.replace(noise, (match, at: number) => {
    const isName =
      /^['"]/.test(match) && /(?:\bfrom|\bimport|\bimport\s*\()\s*$/.test(text.slice(Math.max(0, at - 80), at))
    return isName ? match : match.replace(/[^\n]+/g, ' ')
  })
}

function namesIn(taken: string): string[] {
  const braces = /\{([^{}]*)\}/.exec(taken)
  if (taken.includes('*')) return ['*']
  const listed = (braces?.[1] ?? '').split(',').map(
    (item) =>
      item
        .trim()
        .replace(/^type\s+/, '')
        .split(/\s+as\s+/)[0] ?? '',
  )
  const hasDefault = /^[\w$]+/.test(taken)
  return [...(hasDefault ? ['default'] : []), ...listed.filter((name) => name !== '')]
}

function lineAt(code: string, index: number): number {
  return code.slice(0, index).split('\n').length
}
