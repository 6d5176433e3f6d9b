import { measureAlone } from '../test/support/heap.ts'
import { installPeers } from './install-peers.ts'
import { report, type Row } from './report.ts'

/*
 * The bytes of memory that a cached session takes whose record is 3 KB of JSON, decoded and frozen: in L1, beside a
 * plain Map and lru-cache. Each is measured in a process of its own.
 */
installPeers()
const program = new URL('./memory/fill.ts', import.meta.url)
const [map, lru, l1] = await Promise.all(['map', 'lru-cache', 'l1'].map(measure))

const rows: Row[] = [
  { id: 'memory.map', value: map!.bytes, unit: 'bytes per session' },
  { id: 'memory.lru-cache', value: lru!.bytes, unit: 'bytes per session', versus: 'memory.map' },
  { id: 'memory.l1', value: l1!.bytes, unit: 'bytes per session', versus: 'memory.lru-cache' },
  { id: 'memory.l1.estimate', value: l1!.estimate, unit: 'bytes per session', versus: 'memory.l1' },
]
report({ name: 'memory', rows }, process.argv)

async function measure(cache: string): Promise<{ bytes: number; estimate: number }> {
  return (await measureAlone(program, cache)) as { bytes: number; estimate: number }
}
