import { contest } from './contest.ts'
import { installPeers } from './install-peers.ts'
import { report, type Row } from './report.ts'

/*
 * Both tiers, awaited: a hit in memory, a get that has to ask the second tier, and how often that is asked when 1,000
 * want the same entry at once, or 1,000 different ones. The second tier is in this process, but 200 µs away.
 */
installPeers()
const { contenders, readsOf } = await import('./two-tier/contenders.ts')
const names = Object.keys(contenders)
const reads = new Map<string, { herd: number; batch: number }>()
for (const name of names) reads.set(name, await readsOf(name))
const module = new URL('./two-tier/contenders.ts', import.meta.url)
const figures = await contest(module, names, { starts: 3, warmUpMs: 300, rounds: 5, roundMs: 60 })

report({ name: 'two-tier', rows: names.flatMap(rowsOf) }, process.argv)

function rowsOf(name: string): Row[] {
  const { herd, batch } = reads.get(name)!
  const rows: Row[] = [
    { id: `${name}.hit`, value: figures.get(`${name}.hit`)!, unit: 'ns' },
    { id: `${name}.cold`, value: figures.get(`${name}.cold`)! / 1_000, unit: 'µs' },
    { id: `${name}.herd-reads`, value: herd, unit: 'reads of L2' },
    { id: `${name}.batch-reads`, value: batch, unit: 'reads of L2' },
  ]
  return name === 'two-tier' ? wanted(rows) : rows.map((row) => ({ ...row, versus: oursFor(row.id) }))
}

function wanted([hit, cold, herd, batches]: Row[]): Row[] {
  return [
    hit!,
    cold!,
    { ...herd!, wanted: '1', ok: herd!.value === 1 },
    { ...batches!, wanted: '<= 16', ok: batches!.value <= 16 },
  ]
}

function oursFor(id: string): string {
  return `two-tier.${id.slice(id.lastIndexOf('.') + 1)}`
}
