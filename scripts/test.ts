// npm test [-- <group | file | folder>… [--name <pattern>] [--with <server>…] [--without <server>…]]
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { parseArgs } from 'node:util'
import { heedWishes } from './server-wishes.ts'
import { offerServers } from './servers.ts'
import { findTestFiles, groupTests, heavyGroups, selectTests } from './test-groups.ts'
import type { TestGroup } from './test-groups.ts'

interface Outcome {
  passed: number
  failed: number
  skipped: number
  report: string
  took: string
}

/** A test that takes longer fails; a file that still runs a moment later is ended and fails under its own name. */
const limitSec = { unit: 60, others: 300 }
const graceSec = 5

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    name: { type: 'string' },
    with: { type: 'string', multiple: true, default: [] },
    without: { type: 'string', multiple: true, default: [] },
  },
})
const leftOut = heedWishes(values)
const servers = await offerServers()
const total = { passed: 0, failed: 0, skipped: 0 }

const groups = groupTests(selectTests(findTestFiles(), positionals))
const isHeavy = ({ name }: TestGroup): boolean => heavyGroups.includes(name)
await runGroups(
  groups.filter((group) => !isHeavy(group)),
  2,
)
await runGroups(groups.filter(isHeavy), 1)

await servers.close()
if (servers.report().length > 0) console.log(`\nservers\n${servers.report().join('\n')}`)
for (const kind of leftOut) console.log(`\nNOT TESTED: ${kind}`)
for (const advice of servers.missing()) console.log(`\n${advice}`)
console.log(`\n${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`)
process.exitCode = total.failed > 0 || total.passed === 0 || servers.missing().length > 0 ? 1 : 0

/** File after file; who has none left in a group goes on with the next. */
async function runGroups(groupsToRun: readonly TestGroup[], workers: number): Promise<void> {
  const waiting = groupsToRun.flatMap(({ name, files }) => {
    const group = { name, begunAt: 0, left: files.length }
    return files.map((file) => ({ group, file }))
  })
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { group, file } = next
      if (group.begunAt === 0) console.log(`\n${group.name}`)
      group.begunAt ||= performance.now()
      count(file, await runFile(file, group.name === 'unit' ? limitSec.unit : limitSec.others))
      if (--group.left === 0) console.log(`${group.name} took ${secondsSince(group.begunAt)}`)
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
}

function secondsSince(begunAt: number): string {
  return `${((performance.now() - begunAt) / 1_000).toFixed(1)} s`
}

function count(file: string, { passed, failed, skipped, report, took }: Outcome): void {
  total.passed += passed
  total.failed += failed
  total.skipped += skipped
  const mark = failed > 0 ? '✖' : '✔'
  console.log(`${mark} ${file}: ${passed} passed${failed > 0 ? `, ${failed} failed` : ''}, ${took}`)
  if (report !== '') console.log(report)
}

/** The full report only of a file that failed; of others, what their tests print: seeds, counts of schedules. */
async function runFile(file: string, seconds: number): Promise<Outcome> {
  const events = run({
    files: [file],
    timeout: seconds * 1000,
    signal: AbortSignal.timeout((seconds + graceSec) * 1000),
    ...(values.name === undefined ? {} : { testNamePatterns: values.name }),
  })
  const begunAt = performance.now()
  const outcome: Outcome = { passed: 0, failed: 0, skipped: 0, report: '', took: '' }
  let said = ''
  events.on('test:stdout', ({ message }) => (said += message))
  events.on('test:diagnostic', (diagnostic) => (said += diagnostic.file === undefined ? '' : `${diagnostic.message}\n`))
  // A failing hook fails its suite only, which the counts leave out.
  let failure = 0
  events.on('test:fail', ({ todo }) => (failure = todo === undefined ? 1 : failure))
  events.on('test:summary', ({ counts, file: of }) => {
    if (of !== undefined) return
    outcome.passed = counts.passed
    outcome.skipped = counts.skipped + counts.todo
    outcome.failed = Math.max(counts.tests - outcome.passed - outcome.skipped, failure)
  })
  let full = ''
  for await (const text of events.compose(new spec())) full += text
  outcome.took = secondsSince(begunAt)
  outcome.report = (outcome.failed > 0 ? full : said).trimEnd()
  return outcome
}
