import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { readManifest, root } from '../../scripts/project-files.ts'

/** The packed tarball, installed in a folder far from the repository. */
export interface InstalledPackage {
  /** A user's project: its `node_modules` holds the package and its dependencies, and no peer. */
  project: string
  /** The package in there. */
  home: string
  /** Paths inside the tarball. */
  files: string[]
}

/** As `npm install` of the tarball would, without asking a registry. Takes what `npm run build` made. */
export function installPacked(): InstalledPackage {
  if (!existsSync(join(root, 'dist/index.js'))) throw new Error('nothing is built yet: npm run build')
  const project = mkdtempSync(join(tmpdir(), 'sallyport-package-'))
  const printed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', project], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [packed] = JSON.parse(printed) as { filename: string; files: { path: string }[] }[]
  execFileSync('tar', ['-x', '-z', '-f', join(project, packed!.filename), '-C', project])
  const home = join(project, 'node_modules/sallyport')
  mkdirSync(dirname(home))
  renameSync(join(project, 'package'), home)
  // openid-client needs oauth4webapi, and both need jose.
  for (const name of [...Object.keys(readManifest().dependencies), 'oauth4webapi']) copyInto(project, name)
  return { project, home, files: packed!.files.map(({ path }) => path) }
}

/** Copies an installed package of the repository into the user's project. */
export function copyInto(project: string, name: string): void {
  cpSync(join(root, 'node_modules', name), join(project, 'node_modules', name), { recursive: true })
}

export interface Ended {
  status: number | null
  output: string
}

/** Runs Node in the user's project; ended after 30 s, which shows as the status `null`. */
export function runNode(project: string, args: readonly string[]): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: project,
    encoding: 'utf8',
    timeout: 30_000,
    env: { ...process.env, NODE_OPTIONS: '', NODE_PATH: '' },
  })
  return { status, output: (stdout + stderr).trim() }
}
