// npm run test:matrix [-- <what npm test takes>]: the suite on every line of Node that is supported but not developed on.
import { spawnSync } from 'node:child_process'

const lines = [22, 26]

const failed = lines.filter((line) => {
  const node = ['exec', '--yes', `--package=node@${line}`, '--', 'node']
  const { stdout } = spawnSync('npm', [...node, '--version'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (!stdout.startsWith(`v${line}.`)) throw new Error(`npm has no Node ${line}: it ran ${stdout.trim() || 'nothing'}`)
  console.log(`\n=== Node ${stdout.trim()}`)
  return spawnSync('npm', [...node, 'scripts/test.ts', ...process.argv.slice(2)], { stdio: 'inherit' }).status !== 0
})

console.log(failed.length === 0 ? `\npassed on Node ${lines.join(', ')}` : `\nFAILED on Node ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1
