// npm run test:drivers [-- <what npm test takes>]: the stores through the oldest drivers that package.json allows.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const drivers = ['pg', 'mysql2', 'redis', 'ioredis']
const tests = process.argv.slice(2)
const folder = fileURLToPath(new URL('../.cache/oldest-drivers', import.meta.url))
const { peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  peerDependencies: Record<string, string>
}
const dependencies = Object.fromEntries(drivers.map((name) => [name, oldestOf(peerDependencies[name])]))

console.log('through', dependencies)
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }))
run('npm', ['install', '--loglevel=error', '--no-package-lock', '--no-audit', '--no-fund', '--prefix', folder])
process.env['DRIVERS_FOLDER'] = folder
const hook = `--import=${new URL('other-drivers.ts', import.meta.url).href}`
process.env['NODE_OPTIONS'] = `${process.env['NODE_OPTIONS'] ?? ''} ${hook}`
run(process.execPath, [
  'scripts/test.ts',
  ...(tests.length > 0 ? tests : ['contract', 'test/flows/every-store.test.ts']),
])

/** The first version a range names: what it allows at least. */
function oldestOf(range: string = ''): string {
  const [version] = /\d+\.\d+\.\d+/.exec(range) ?? []
  if (version === undefined) throw new Error(`package.json allows no oldest version: ${range}`)
  return version
}

function run(command: string, args: string[]): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
