import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The peers have a lock file of their own, and are installed when a benchmark first needs one of them. */
export function installPeers(): void {
  const folder = fileURLToPath(new URL('./peers/', import.meta.url))
  const { dependencies } = JSON.parse(readFileSync(`${folder}package.json`, 'utf8')) as { dependencies: object }
  if (Object.keys(dependencies).every((name) => existsSync(`${folder}node_modules/${name}/package.json`))) return
  execFileSync('npm', ['ci', '--silent'], { cwd: folder, stdio: ['ignore', 2, 2] })
}
