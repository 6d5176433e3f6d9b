import type { EvictionPolicyName } from '../../src/cache/config.ts'
import type { Row } from '../report.ts'
import { optimalHitRatio } from './optimal.ts'
import { hitRatio } from './replay.ts'
import type { Trace } from './trace.ts'

const policies: readonly EvictionPolicyName[] = ['s3-fifo', 'lru', 'lfu']

/** The hit ratio of each policy, in percent, and the best there could be. */
export type HitRatios = Readonly<Record<EvictionPolicyName | 'opt', number>>

export function hitRatios(trace: Trace, entries: number): HitRatios {
  const ratios = policies.map((policy) => [policy, hitRatio(trace, policy, entries)])
  return { ...Object.fromEntries(ratios), opt: optimalHitRatio(trace, entries) }
}

/** One row per policy. `published`: what S3-FIFO reaches elsewhere, and should within 0.3 points here. */
export function rowsOf(id: string, ratios: HitRatios, published?: number): Row[] {
  const opt: Row = { id: `${id}.opt`, value: ratios.opt, unit: '%' }
  return [...policies.map((policy) => ({ ...rowOf(id, policy, ratios), ...wanted(policy, ratios, published) })), opt]
}

function rowOf(id: string, policy: EvictionPolicyName, ratios: HitRatios): Row {
  const row = { id: `${id}.${policy}`, value: ratios[policy], unit: '%' }
  return ratios.opt === 0 ? row : { ...row, versus: `${id}.opt` }
}

function wanted(policy: EvictionPolicyName, ratios: HitRatios, published?: number): Pick<Row, 'wanted' | 'ok'> {
  if (published === undefined || policy !== 's3-fifo') return {}
  return { wanted: `${published} ± 0.3`, ok: Math.abs(ratios['s3-fifo'] - published) <= 0.3 }
}

/** How S3-FIFO does over all of them, compared with the best there could be, and where it does worst beside LRU. */
export function summaryRows(id: string, all: readonly HitRatios[]): Row[] {
  const ofOpt = all.reduce((sum, ratios) => sum + (100 * ratios['s3-fifo']) / ratios.opt, 0) / all.length
  const underLru = Math.max(...all.map((ratios) => ratios.lru - ratios['s3-fifo']))
  return [
    { id: `${id}.mean-of-opt`, value: ofOpt, unit: '%', wanted: '>= 95', ok: ofOpt >= 95 },
    { id: `${id}.worst-vs-lru`, value: underLru, unit: 'points', wanted: '<= 0.7', ok: underLru <= 0.7 },
  ]
}
