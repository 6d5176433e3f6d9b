import { fileURLToPath } from 'node:url'
import { report } from './report.ts'
import type { Row } from './report.ts'
import { readOptions } from './traces/options.ts'
import type { TraceOptions } from './traces/options.ts'
import { hitRatios, rowsOf, summaryRows } from './traces/rows.ts'
import { generate } from './traces/session-workload.ts'
import { sessionWorkloads } from './traces/session-workloads.ts'
import { readTrace } from './traces/trace.ts'

/*
 * The share of requests that memory answers, by eviction policy, beside the best that could be (`opt`, which knows the
 * future). Web shop traces, and sessions as `traces/session-workloads.ts` describes them. Or any file:
 *   node bench/traces.ts --trace FILE --entries N
 * where FILE holds one big-endian 32-bit key per request, compressed if its name ends in .gz.
 */

/** What S3-FIFO reached on the web shop traces in a measurement of eleven policies (decisions/014-s3-fifo.md). */
const published = {
  web07: { 300: 46.65, 1_200: 55.09, 4_800: 63.74 },
  web12: { 300: 53.36, 1_200: 70.89, 4_800: 81.37 },
}
const sessionEntries = 10_000
const seed = 1

try {
  const options = readOptions(process.argv.slice(2))
  const rows = options === undefined ? [...webShopRows(), ...sessionRows()] : fileRows(options)
  report({ name: 'traces', rows }, process.argv)
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}

function webShopRows(): Row[] {
  return Object.entries(published).flatMap(([name, figures]) => {
    const trace = readTrace(fileURLToPath(new URL(`./traces/${name}.i32be.gz`, import.meta.url)))
    return Object.entries(figures).flatMap(([entries, figure]) =>
      rowsOf(`${name}@${entries}`, hitRatios(trace, Number(entries)), figure),
    )
  })
}

function sessionRows(): Row[] {
  const measured = sessionWorkloads.map((workload) => {
    return { name: workload.name, ratios: hitRatios(generate(workload, seed), sessionEntries) }
  })
  return [
    ...measured.flatMap(({ name, ratios }) => rowsOf(`${name}@${sessionEntries}`, ratios)),
    ...summaryRows(
      'sessions',
      measured.map(({ ratios }) => ratios),
    ),
  ]
}

function fileRows({ trace, entries }: TraceOptions): Row[] {
  const read = readTrace(trace)
  return rowsOf(`${read.name}@${entries}`, hitRatios(read, entries))
}
