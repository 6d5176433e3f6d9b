import { globSync, readFileSync } from 'node:fs'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cached } from './cache.ts'
import { kinds } from './kinds.ts'
import { outputOf } from './output-of.ts'
import { programsOfSystem, programsOfTree } from './tree.ts'
import type { FoundServer } from './find-server.ts'
import type { ServerKind } from './kinds.ts'

/** A server that Debian's packages come from. */
export interface Mirror {
  uri: string
  components: string
  /** What apt is to trust there, as its lists say it. */
  options: string
}

/** The server in Debian's packages, unpacked but not installed. Needs no root. */
export async function debianPrograms(kind: ServerKind): Promise<FoundServer> {
  const { debian, program } = kinds[kind]
  if (debian === undefined) throw new Error(`Debian has no ${kind}`)
  const codename = codenameHere()
  // Another system than the machine's: with all that it needs, down to the C library.
  const whole = debian.suite === 'sid'
  const suite = whole ? 'sid' : [codename, debian.suite].filter(Boolean).join('-')
  const root = await cached(`${kind}-${suite}`, (draft) => unpack(draft, debian.packages, { codename, suite, whole }))
  const programs = whole ? programsOfSystem(root, kind) : programsOfTree(root, kind)
  if (programs === undefined) throw new Error(`Debian's ${debian.packages.join(', ')} of ${suite} have no ${program}`)
  return { ...programs, from: `from Debian ${suite}` }
}

/** The files of a package of the machine's own release, unpacked but not installed. Needs no root. */
export async function debianFiles(name: string): Promise<string> {
  const codename = codenameHere()
  return cached(`${name}-${codename}`, (draft) => unpack(draft, [name], { codename, suite: codename, whole: false }))
}

interface Release {
  codename: string
  suite: string
  whole: boolean
}

async function unpack(draft: string, packages: readonly string[], { codename, suite, whole }: Release): Promise<void> {
  const mirror = findMirror(codename, aptSources())
  if (mirror === undefined) throw new Error(`apt has no mirror of ${codename}`)
  const work = join(draft, '.apt')
  await mkdir(join(work, 'lists/partial'), { recursive: true })
  await mkdir(join(work, 'archives/partial'), { recursive: true })
  await writeFile(join(work, 'status'), '')
  const suites = whole ? [suite] : [...new Set([codename, suite])]
  const { uri, components, options } = mirror
  await writeFile(
    join(work, 'sources.list'),
    suites.map((name) => `deb ${options} ${uri} ${name} ${components}\n`).join(''),
  )
  const apt = (...args: string[]): Promise<string> => outputOf('apt-get', [...aptOptions(work, whole), ...args], work)
  await apt('update')
  const wanted = await apt('install', '--simulate', '--no-install-recommends', `--target-release=${suite}`, ...packages)
  const names = packagesToInstall(wanted)
  if (names.length === 0) throw new Error(`${packages.join(', ')}: installed, but not where servers are looked for`)
  await apt('download', ...names)
  const files = (await readdir(work)).filter((name) => name.endsWith('.deb'))
  for (const file of files) await outputOf('dpkg-deb', ['-x', join(work, file), draft])
  await rm(work, { recursive: true })
}

/** All that apt keeps it keeps in `work`; what is installed counts unless it is another system. */
function aptOptions(work: string, whole: boolean): string[] {
  const settings = {
    'Dir::State': work,
    'Dir::State::lists': join(work, 'lists'),
    'Dir::State::status': whole ? join(work, 'status') : '/var/lib/dpkg/status',
    'Dir::Cache': work,
    'Dir::Etc::sourcelist': join(work, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::Etc::preferencesparts': '-',
    'Debug::NoLocking': 'true',
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
    'APT::Update::Error-Mode': 'any',
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
}

/** The names and versions in what `apt-get install --simulate` prints. */
export function packagesToInstall(simulation: string): string[] {
  return [...simulation.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+)/gm)].map(([, name, version]) => `${name}=${version}`)
}

/** The first mirror of a release, in apt's lists of either format. */
export function findMirror(codename: string, sources: readonly string[]): Mirror | undefined {
  return sources
    .flatMap((text) => [...linesOf(text), ...stanzasOf(text)])
    .find(({ suites }) => suites.includes(codename))
}

function linesOf(text: string): (Mirror & { suites: string[] })[] {
  const lines = text.matchAll(/^deb\s+(\[[^\]]*\])?\s*(\S+)\s+(\S+)\s+(.+)$/gm)
  return [...lines].map(([, options = '', uri, suite, components]) => ({
    uri: uri!,
    components: components!.trim(),
    options,
    suites: [suite!],
  }))
}

function stanzasOf(text: string): (Mirror & { suites: string[] })[] {
  const stanzas = text.replaceAll(/^#.*\n/gm, '').split(/\n\s*\n/)
  return stanzas.flatMap((stanza) => {
    const field = (name: string): string | undefined =>
      new RegExp(`^${name}:[ \\t]*(\\S.*)$`, 'mi').exec(stanza)?.[1]?.trim()
    const [uri, suites, components, signedBy] = ['URIs', 'Suites', 'Components', 'Signed-By'].map(field)
    if (!uri || !suites || !components || !/(^|\s)deb(\s|$)/.test(field('Types') ?? '')) return []
    const options = signedBy === undefined ? '' : `[signed-by=${signedBy}]`
    return [{ uri: uri.split(/\s+/)[0]!, suites: suites.split(/\s+/), components, options }]
  })
}

function aptSources(): string[] {
  return globSync(['/etc/apt/sources.list', '/etc/apt/sources.list.d/*.{list,sources}']).map(readText)
}

function codenameHere(): string {
  const codename = /^VERSION_CODENAME=(\S+)$/m.exec(readText('/etc/os-release'))?.[1]
  if (codename === undefined) throw new Error('this is no Debian')
  return codename
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
