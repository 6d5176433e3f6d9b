import { ConfigError, type ConfigProblem } from './errors.ts'
import { nearestName } from './nearest-name.ts'

/** Says what is wrong with an option and what to do; `below` is appended to its path, e.g. `[1]` or `.prompt`. */
type Report = (message: string, below?: string) => void

/** What one option may be. It is asked only if the option was given; `undefined` counts as not given. */
export interface Rule {
  readonly check: (value: unknown, report: Report) => void
  readonly isRequired?: true
  /** The options of a group. */
  readonly rules?: Record<string, Rule>
}

/** One rule for each option of `Options`: one that is forgotten here does not compile. */
export type Rules<Options> = { readonly [Name in keyof Options]-?: Rule }

/** What a check of several options together works with. */
export interface Findings {
  readonly report: (path: string, message: string) => void
  /** Whether nothing was wrong with these options, nor with the groups they are in, so that they can be compared. */
  readonly isSound: (...paths: string[]) => boolean
}

/**
 * Checks options against their rules and throws one `ConfigError` with every problem there is: unknown names, wrong
 * types and ranges, and what `together` finds. No value of an option is ever shown.
 */
export function checkOptions<Options extends object>(
  subject: string,
  options: unknown,
  rules: Rules<Options>,
  together: (options: Options, findings: Findings) => void = () => {},
): asserts options is Options {
  if (!isPlainObject(options)) {
    throw new ConfigError(subject, [{ path: 'options', message: `must be an object, not ${kindOf(options)}` }])
  }
  const problems: ConfigProblem[] = []
  checkGroup(options, { rules, path: '', problems, known: pathsOf(rules, '') })
  together(options as Options, {
    report: (path, message) => void problems.push({ path, message }),
    isSound: (...paths) => !problems.some((problem) => paths.some((path) => concerns(problem.path, path))),
  })
  if (problems.length > 0) throw new ConfigError(subject, problems)
}

/** An option that must be given. */
export function required(optional: Rule): Rule {
  return { ...optional, isRequired: true }
}

/** A group of options. */
export function group<Options>(rules: Rules<Options>): Rule {
  return { check: () => {}, rules }
}

/** A text that is not empty; `test` says what else is wrong with it. */
export function text(test: (value: string) => string | undefined = () => undefined): Rule {
  return rule((value) => {
    if (typeof value !== 'string') return `must be a string, not ${kindOf(value)}`
    return value === '' ? 'must not be empty' : test(value)
  })
}

/** A whole number between two bounds, both included. */
export function integer(bounds: { min: number; max: number; unit?: string }): Rule {
  const { min, max, unit } = bounds
  const wanted = `must be a whole number from ${min} to ${max}${unit === undefined ? '' : ` (${unit})`}`
  return rule((value) => {
    if (typeof value !== 'number') return `${wanted}, not ${kindOf(value)}`
    return Number.isInteger(value) && value >= min && value <= max ? undefined : wanted
  })
}

export function flag(): Rule {
  return rule((value) => (typeof value === 'boolean' ? undefined : `must be true or false, not ${kindOf(value)}`))
}

export function oneOf(...choices: readonly string[]): Rule {
  const wanted = `must be one of ${choices.map((choice) => `'${choice}'`).join(', ')}`
  return rule((value) => (choices.includes(value as string) ? undefined : wanted))
}

export function callable(): Rule {
  return rule((value) => (typeof value === 'function' ? undefined : `must be a function, not ${kindOf(value)}`))
}

/** An object with these methods, of whatever class; `what` names it, e.g. `a logger`. */
export function objectWith(what: string, ...methods: readonly string[]): Rule {
  return rule((value) => {
    if (typeof value !== 'object' || value === null) return `must be ${what}, not ${kindOf(value)}`
    const missing = methods.filter((method) => typeof (value as Record<string, unknown>)[method] !== 'function')
    return missing.length === 0
      ? undefined
      : `must be ${what}: ${missing.map((name) => `${name}()`).join(', ')} missing`
  })
}

/** A rule of one's own: `test` returns what is wrong. */
export function rule(test: (value: unknown) => string | undefined): Rule {
  return {
    check(value, report) {
      const message = test(value)
      if (message !== undefined) report(message)
    },
  }
}

/** What sort of value it is, in words that do not show it. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'undefined'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

interface Group {
  rules: Record<string, Rule>
  /** With a dot at its end, or empty. */
  path: string
  problems: ConfigProblem[]
  /** The path of every option there is. */
  known: readonly string[]
}

function checkGroup(options: Record<string, unknown>, within: Group): void {
  const { rules, path, problems, known } = within
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(rules, name)) continue
    const near = nearestName(path + name, known)
    const hint = near === undefined ? '' : `; did you mean \`${near}\`?`
    problems.push({ path: path + name, message: `unknown option${hint}` })
  }
  for (const [name, each] of Object.entries(rules)) {
    const value = options[name]
    if (value === undefined) {
      if (each.isRequired) {
        const isUnset = Object.hasOwn(options, name) ? ', but undefined: is its environment variable set?' : ''
        problems.push({ path: path + name, message: `is required${isUnset}` })
      }
    } else if (each.rules === undefined) {
      each.check(value, (message, below = '') => void problems.push({ path: path + name + below, message }))
    } else if (isPlainObject(value)) {
      checkGroup(value, { ...within, rules: each.rules, path: `${path}${name}.` })
    } else {
      problems.push({ path: path + name, message: `must be an object, not ${kindOf(value)}` })
    }
  }
}

function pathsOf(rules: Record<string, Rule>, path: string): string[] {
  return Object.entries(rules).flatMap(([name, { rules: below }]) => [
    path + name,
    ...(below === undefined ? [] : pathsOf(below, `${path}${name}.`)),
  ])
}

/** Whether a problem is with the option at `path`, with a part of it or with a group it is in. */
function concerns(problemPath: string, path: string): boolean {
  return isWithin(problemPath, path) || isWithin(path, problemPath)
}

function isWithin(path: string, ancestor: string): boolean {
  return path === ancestor || path.startsWith(`${ancestor}.`) || path.startsWith(`${ancestor}[`)
}
