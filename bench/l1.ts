import { contest } from './contest.ts'
import { installPeers } from './install-peers.ts'
import { report, type Row } from './report.ts'

/*
 * What a hit, a miss and an insertion cost: the first tier by policy, the whole synchronous answer of both tiers, and
 * the peers. 10,000 sessions of 3 KB, keys of 43 characters, asked for with a Zipf skew of 0.9. In rows called `cut` the
 * key was just cut out of a header, in rows called `idle` there is one get every 2 ms.
 */
installPeers()
const { contenders } = await import('./l1/contenders.ts')
const { memoryCaches } = await import('./peers/memory-caches.mjs')
const module = new URL('./l1/contenders.ts', import.meta.url)
const figures = await contest(module, Object.keys(contenders), { starts: 3, warmUpMs: 200, rounds: 3, roundMs: 40 })

const policies = ['s3-fifo', 'lru', 'lfu']
report(
  { name: 'l1', rows: [...baseRows(), ...policies.flatMap(l1Rows), ...twoTierRows(), ...peerRows()] },
  process.argv,
)

function row(id: string, compared: Omit<Row, 'id' | 'value' | 'unit'> = {}): Row {
  return { id, value: figures.get(id)!, unit: 'ns', ...compared }
}

function baseRows(): Row[] {
  return [row('map.get'), row('map.get-cut'), row('map.get-idle')]
}

function l1Rows(policy: string): Row[] {
  const get = row(`l1.${policy}.get`, { versus: 'map.get' })
  const ratio = get.value / figures.get('map.get')!
  return [
    policy === 's3-fifo' ? { ...get, wanted: 'ratio <= 1.6', ok: ratio <= 1.6 } : get,
    row(`l1.${policy}.get-cut`, { versus: 'map.get-cut' }),
    row(`l1.${policy}.miss`),
    row(`l1.${policy}.set-evict`),
  ]
}

function twoTierRows(): Row[] {
  const serve = row('two-tier.serve', { versus: 'map.get' })
  const awaited = row('auth-cache.get', { versus: 'map.get' })
  return [
    { ...serve, wanted: '< 250', ok: serve.value < 250 },
    row('two-tier.serve-cut', { versus: 'map.get-cut' }),
    row('two-tier.serve-idle', { versus: 'map.get-idle' }),
    { ...awaited, wanted: '< 500', ok: awaited.value < 500 },
  ]
}

/** All of them look at the time to live. */
function peerRows(): Row[] {
  const ours = figures.get('l1.s3-fifo.get')!
  return Object.keys(memoryCaches).flatMap((name) => {
    const get = row(`peer.${name}.get`, { versus: 'l1.s3-fifo.get' })
    return [
      { ...get, wanted: 'ratio > 1', ok: get.value > ours },
      row(`peer.${name}.miss`, { versus: 'l1.s3-fifo.miss' }),
      row(`peer.${name}.set-evict`, { versus: 'l1.s3-fifo.set-evict' }),
    ]
  })
}
