import { seededRandom } from '../../test/support/seeded-random.ts'
import type { SeededRandom } from '../../test/support/seeded-random.ts'
import { geometric, logNormal, zipf } from './distributions.ts'
import { Timeline } from './timeline.ts'
import type { Trace } from './trace.ts'

/** Who asks for sessions, how, and for how long. */
export interface SessionWorkload {
  name: string
  hours: number
  /** About how many there are, without those of the scan. */
  requests: number
  /** Pages of a visit, on average; the distribution is geometric. */
  pages: number
  /** Requests of a page, on average, geometric too: a burst within half a second. */
  requestsPerPage: number
  /** Seconds between two pages; log-normal with sigma 1. */
  medianThinkSec: number
  /** How many times more visits begin at noon than at midnight. Default 1. */
  noonToMidnight?: number
  /** Sessions are remembered: whose visit it is, Zipf's law says. Default: each visit has a new session. */
  users?: { count: number; alpha: number }
  /** The share of requests that bring a session nobody asks for again. Default 0. */
  bots?: number
  /** From time to time so many sessions are read, 1,000 a second: those of the users, or else of strangers. */
  scan?: { everySec: number; sessions: number }
}

const burstSec = 0.5
const scannedPerSec = 1_000
const daySec = 24 * 3_600

/** The same workload and the same seed make the same trace. */
export function generate(workload: SessionWorkload, seed: number): Trace {
  const random = seededRandom(seed)
  const timeline = new Timeline()
  const { users, scan, bots = 0 } = workload
  // First come the keys that are known beforehand, so that a scan of users reads theirs.
  timeline.newKeys(users?.count ?? scan?.sessions ?? 0)
  const drawUser = users && zipf(random, users)
  addVisits(timeline, workload, { random, session: drawUser ?? (() => timeline.newKeys(1)) })
  for (let i = 0; i < bots * workload.requests; i++) {
    timeline.note(random.between(0, workload.hours * 3_600), timeline.newKeys(1))
  }
  if (scan !== undefined) addScans(timeline, scan, workload.hours)
  return timeline.trace(workload.name)
}

function addVisits(
  timeline: Timeline,
  workload: SessionWorkload,
  { random, session }: { random: SeededRandom; session: () => number },
): void {
  const { requests, bots = 0, pages, requestsPerPage, medianThinkSec } = workload
  const visits = ((1 - bots) * requests) / (pages * requestsPerPage)
  for (let visit = 0; visit < visits; visit++) {
    const key = session()
    let pageAt = beginOf(workload, random)
    for (let page = geometric(random, pages); page > 0; page--) {
      for (let request = geometric(random, requestsPerPage); request > 0; request--) {
        timeline.note(pageAt + random.between(0, burstSec), key)
      }
      pageAt += logNormal(random, { median: medianThinkSec, sigma: 1 })
    }
  }
}

/** Seconds from midnight. */
function beginOf({ hours, noonToMidnight = 1 }: SessionWorkload, random: SeededRandom): number {
  const swing = (noonToMidnight - 1) / (noonToMidnight + 1)
  for (;;) {
    const at = random.between(0, hours * 3_600)
    if (random.between(0, 1 + swing) < 1 - swing * Math.cos((2 * Math.PI * at) / daySec)) return at
  }
}

function addScans(timeline: Timeline, scan: { everySec: number; sessions: number }, hours: number): void {
  for (let scanAt = scan.everySec; scanAt < hours * 3_600; scanAt += scan.everySec) {
    for (let key = 0; key < scan.sessions; key++) timeline.note(scanAt + key / scannedPerSec, key)
  }
}
