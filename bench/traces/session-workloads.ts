import type { SessionWorkload } from './session-workload.ts'

/** People: eight pages of five requests, with time to read in between; a new session with each sign-in. */
const people = { pages: 8, requestsPerPage: 5, medianThinkSec: 25 }
/** People whose session is remembered and who come back, over a day. */
const returning = {
  hours: 24,
  requests: 3_000_000,
  pages: 4,
  requestsPerPage: 4,
  medianThinkSec: 25,
  noonToMidnight: 4,
}

/** About 2,000 sessions are alive at once in `light`, 5,000 in `heavy`, and 16,000 in `over`. */
const light = { ...people, hours: 2, requests: 2_000_000 }
const heavy = { ...people, hours: 0.75, requests: 2_000_000 }
const over = { ...people, hours: 0.25, requests: 2_000_000 }

/** No sessions at all, only keys that some like better than others: the hardest to foresee. */
const independent = { hours: 1, requests: 2_000_000, pages: 1, requestsPerPage: 1, medianThinkSec: 0 }

const million = { count: 1_000_000, alpha: 0.9 }
const large = { count: 100_000, alpha: 0.9 }

/** Measured with 10,000 entries. */
export const sessionWorkloads: readonly SessionWorkload[] = [
  { name: 'login-light', ...light },
  { name: 'login-heavy', ...heavy },
  { name: 'login-over', ...over },
  {
    name: 'login-diurnal',
    ...people,
    hours: 24,
    requests: 3_000_000,
    pages: 12,
    medianThinkSec: 120,
    noonToMidnight: 9,
  },
  { name: 'login-heavy+bots30', ...heavy, bots: 0.3 },
  { name: 'login-heavy+bots60', ...heavy, bots: 0.6 },
  { name: 'login-over+bots30', ...over, bots: 0.3 },
  { name: 'login-light+bots20+scan', ...light, bots: 0.2, scan: { everySec: 600, sessions: 20_000 } },
  { name: 'user-1M', ...returning, users: million },
  { name: 'user-100k-even', ...returning, users: { count: 100_000, alpha: 0.7 } },
  { name: 'user-1M+bots40', ...returning, users: million, bots: 0.4 },
  { name: 'user-100k+scan', ...returning, users: large, scan: { everySec: 7_200, sessions: 100_000 } },
  { name: 'token+bots20', ...returning, requests: 2_000_000, pages: 1, requestsPerPage: 2, users: large, bots: 0.2 },
  { name: 'independent-1M', ...independent, users: million },
  { name: 'independent-1M-steep', ...independent, users: { count: 1_000_000, alpha: 1.1 } },
  { name: 'independent-100k-even', ...independent, users: { count: 100_000, alpha: 0.7 } },
]
