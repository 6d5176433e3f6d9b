import { availableParallelism, cpus } from 'node:os'

/** One measured figure. */
export interface Row {
  id: string
  value: number
  unit: string
  /** The id of the row this one is compared with. */
  versus?: string
  /** This value ÷ the value of `versus`. Default: computed. */
  ratio?: number
  /** What was hoped for, as text, and whether it came true. */
  wanted?: string
  ok?: boolean
}

/** Prints the figures: a table, or with `--json` exactly one object on standard output. */
export function report(bench: { name: string; rows: readonly Row[] }, argv: readonly string[]): void {
  const rows = bench.rows.map((row) => withRatio(row, bench.rows))
  const result = { name: bench.name, environment: environment(), rows }
  console.log(argv.includes('--json') ? JSON.stringify(result) : table(result))
}

function withRatio(row: Row, rows: readonly Row[]): Row {
  if (row.versus === undefined) return row
  const other = rows.find(({ id }) => id === row.versus)
  if (other === undefined) throw new Error(`${row.id} is compared with ${row.versus}, which is not in the report`)
  return { ...row, ratio: row.ratio ?? row.value / other.value }
}

interface Environment {
  node: string
  cpu: string
  cores: number
  platform: string
  date: string
}

function environment(): Environment {
  return {
    node: process.versions.node,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    platform: `${process.platform}-${process.arch}`,
    date: new Date().toISOString(),
  }
}

function table(result: { name: string; environment: Environment; rows: readonly Row[] }): string {
  const { node, cpu, cores, platform, date } = result.environment
  const cells = [['', 'value', '', 'compared', 'wanted', ''], ...result.rows.map(cellsOf)]
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)))
  const lines = cells.map((row) =>
    row
      .map((cell, column) => pad(cell, column, widths[column]!))
      .join('  ')
      .trimEnd(),
  )
  return [`${result.name}: Node ${node}, ${cores} × ${cpu}, ${platform}, ${date}`, '', ...lines].join('\n')
}

function cellsOf({ id, value, unit, versus, ratio, wanted, ok }: Row): string[] {
  const compared = versus === undefined || ratio === undefined ? '' : `${figure(ratio)} × ${versus}`
  return [id, figure(value), unit, compared, wanted ?? '', ok === undefined ? '' : ok ? 'ok' : 'MISSED']
}

function pad(cell: string, column: number, width: number): string {
  return column === 1 ? cell.padStart(width) : cell.padEnd(width)
}

/** Four significant digits: more would be noise. */
function figure(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 4 })
}
