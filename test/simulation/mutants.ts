import { cacheLatencies, noWrites } from '../support/cache-plan.ts'
import type { CachePlan } from '../support/cache-plan.ts'
import { latencies } from '../support/link.ts'

/** A piece of source text that occurs once in its file, and what takes its place. */
interface Edit {
  readonly file: string
  readonly from: string
  readonly to: string
}

/** The code without one of the rules it keeps. */
export interface Mutant {
  readonly name: string
  readonly edits: readonly Edit[]
  /** In how many schedules it must be found. */
  readonly within: number
  /** What is the same in all of them, for what is only found under rare circumstances. */
  readonly plan: Partial<CachePlan>
}

const coherence = 'src/cache/coherence/coherence.ts'
const poller = 'src/cache/coherence/poller.ts'
const partition = 'src/cache/partition.ts'
const flights = 'src/cache/flights.ts'
const commits = 'src/cache/commits.ts'
const writes = 'src/cache/writes.ts'
const entry = 'src/cache/entry.ts'
const l1 = 'src/cache/l1/l1.ts'
const memory = 'src/stores/memory.ts'
const decisions = 'src/stores/rules/decisions.ts'

/** Nothing fails and nobody writes but what the mutant needs. */
const quiet: Partial<CachePlan> = {
  latency: latencies.quick,
  lossRate: 0,
  pollLossRate: 0,
  operationTimeoutMs: 1_000,
  graceMs: 0,
  enableL1: true,
  capacity: 100,
  idleMs: 3_600_000,
  isWarm: true,
  rests: false,
}

/*
 * Where two rules cover each other, both are taken away: without one alone no schedule found anything wrong in a
 * million. A fill is checked against the epoch (1), detached by what drops its key (2), and what was stamped before a gap
 * is below the floor (3): so 1 and 3, or 1 and 2. What a touch has proved, and bumps and pushes that are known already,
 * are checked twice in the same way.
 */
const lease = [
  mutant('no lease', [coherence, 'this.#isVouchedFor(entry, monotonic, wall, this.#maxStalenessMs)', 'true']),
  mutant('a lease by the monotonic clock alone', [
    coherence,
    ' && Math.abs(wall - asOf.wall) < withinMs',
    ' && wall > 0',
  ]),
  mutant('a lease by the wall clock alone', [
    coherence,
    'monotonic - asOf.monotonic < withinMs && ',
    'monotonic > 0 && ',
  ]),
  mutant('freshness from the time of the reply', [
    poller,
    'coherence.applyPoll(reply, known, sentAt)',
    'coherence.applyPoll(reply, known, sentAt && now(this.#options.clock))',
  ]),
  mutant('an entry as fresh as its reply', [
    partition,
    'const { mark, at } = sent!',
    'const { mark, at } = { ...sent!, at: now(this.#tiers.clock) }',
  ]),
  under(
    { ...quiet, graceMs: 100, troubles: ['cut off'], latency: cacheLatencies.even },
    mutant('a grace without end', [coherence, 'this.#isVouchedFor(entry, monotonic, wall, withinMs)', 'withinMs > 0']),
  ),
]

const epochs = [
  mutant('a heartbeat without position', [coherence, 'else this.#compare(reply, known)', '']),
  mutant('gaps between pushes ignored', [
    coherence,
    "if (prev !== known || keys === '*') this",
    "if (keys === '*') this",
  ]),
  mutant('risen numbers raise no floor', [
    coherence,
    'this.#epoch[bucket] = this.#floor[bucket] = Math.max(n, this.#epoch[bucket]!)',
    'this.#epoch[bucket] = Math.max(n, this.#epoch[bucket]!)',
  ]),
  mutant('numbers that fall ignored', [coherence, 'if (n < known[bucket]!) {', 'if (n < 0 * known[bucket]!) {']),
  mutant('another store not noticed', [
    coherence,
    'reply.incarnation !== this.#incarnation || ',
    'this.#incarnation === undefined || ',
  ]),
  mutant('another store leaves in memory what was there', [coherence, '    this.#holder.dropAll()\n', '']),
  under(
    {
      ...quiet,
      troubles: ['replaced'],
      push: 'none',
      latency: cacheLatencies.slowWrites,
      weights: { ...noWrites, create: 1, 'replace quietly': 3, 'remove by key': 1 },
    },
    mutant('another store keeps what was under way', [coherence, '    this.#generation++\n', '']),
  ),
  under(
    { ...quiet, troubles: ['late push'], push: 'bus', writes: 0, writesOutside: 0, ambushes: 0 },
    mutant('pushes of any store', [
      coherence,
      'if (!this.#applyBump(bump) || bump.prev === known) return',
      'if (!this.#applyBump({ ...bump, incarnation: this.#incarnation! }) || bump.prev === known) return',
    ]),
  ),
  under(
    {
      ...quiet,
      troubles: ['moved during a poll'],
      push: 'none',
      latency: cacheLatencies.slowPolls,
      writes: 0,
      writesOutside: 0,
      ambushes: 0,
    },
    mutant('own bumps of any store', [
      coherence,
      ' || bump.incarnation !== this.#incarnation) this.#generation++\n    else if (this.#applyBump(bump)) return',
      ') this.#generation++\n    else if (this.#applyBump({ ...bump, incarnation: this.#incarnation! })) return',
    ]),
  ),
  under(
    {
      ...quiet,
      troubles: ['replaced'],
      push: 'none',
      pollLossRate: 0.8,
      latency: cacheLatencies.slowWrites,
      writes: 6,
      weights: { ...noWrites, 'replace quietly': 2, 'remove by subject': 1 },
    },
    mutant('own bumps of another store spare what is under way', [
      coherence,
      'bump.incarnation !== this.#incarnation) this.#generation++',
      'bump.incarnation !== this.#incarnation) this.#generation += 0',
    ]),
  ),
  mutant('a step of the clock of the store not noticed', [coherence, ' || this.#hasStepped(reply, sentAt)', '']),
]

const insertion = [
  mutant(
    'stamped when inserted, and no check at insert',
    [partition, 'stamp: mark.stamp, at', 'stamp: coherence.mark(bucketOf(key, this.#tiers.buckets)).stamp, at'],
    [partition, ' && coherence.stillAt(entry.bucket, mark)', ''],
  ),
  mutant(
    'no check at insert, and what drops a key detaches no read',
    [partition, ' && coherence.stillAt(entry.bucket, mark)', ''],
    [partition, '    this.#l1.delete(key)\n    this.detach(key)\n', '    this.#l1.delete(key)\n'],
  ),
  mutant('a detached read inserted', [partition, 'const undisturbed = !detached && ', 'const undisturbed = ']),
  mutant('a read inserted while its key is written', [partition, ' && !commits.isWriting(key)', '']),
  under(
    { ...quiet, latency: cacheLatencies.verySlowReads, writesOutside: 3, ambushes: 3 },
    mutant('an older read that comes last inserted', [
      partition,
      'if (this.#flights.isOvertaken(flight)) this.detach(flight.key)',
      '',
    ]),
  ),
  mutant('an older read beside a newer one inserted', [
    flights,
    '    this.detach(key)\n    const flight = new',
    '    const flight = new',
  ]),
  mutant('found absent, and yet kept', [
    partition,
    '    this.#l1.delete(flight.key)\n    return { entry: undefined',
    '    return { entry: undefined',
  ]),
  mutant('older than what was answered, and yet kept', [
    partition,
    'if (kept !== undefined && kept.version < entry.version) this',
    'if (kept === undefined) this',
  ]),
  mutant('written through without a check', [commits, 'enableL1 && coherence.stillAt(bucket, mark, own)', 'enableL1']),
  mutant('written through beside another write', [
    commits,
    'standsAlone: writing.open === 0 && writing.latest === sequence',
    'standsAlone: true',
  ]),
  mutant('written through although something newer was read', [
    writes,
    'mayKeep && entry.version >= newestRead',
    'mayKeep && newestRead >= 0',
  ]),
]

const joining = [
  under(
    { ...quiet, latency: cacheLatencies.verySlowReads, maxStalenessMs: 300, writesOutside: 3 },
    mutant('any read in flight joined', [flights, 'return age <= this.#joinableMs ?', 'return age < Infinity ?']),
  ),
  under(
    { ...quiet, latency: cacheLatencies.verySlowReads, maxStalenessMs: 300, troubles: ['suspend'] },
    mutant('reads joined by the monotonic clock alone', [
      flights,
      'Math.max(this.#clock.monotonic() - monotonic, Math.abs(this.#clock.wall() - wall))',
      'this.#clock.monotonic() - monotonic + 0 * wall',
    ]),
  ),
  mutant('a detached read joined', [
    flights,
    'flight === undefined || flight.detached || ',
    'flight === undefined || ',
  ]),
  mutant('who wants a fresh answer joins', [flights, 'if (fresh) return undefined', '']),
  mutant('another text answered with what was opened for the first', [
    flights,
    ' || flight.text !== text',
    ' || text === ""',
  ]),
  mutant('not answered means absent', [
    'src/cache/l2/batches.ts',
    'for (const { reject } of batch) reject(error)',
    'for (const { resolve } of batch) resolve({ entry: undefined, storeNow: 0 * Number(error) } as Outcome)',
  ]),
]

const writing = [
  mutant('own bumps not applied', [commits, 'for (const bump of bumps) coherence.applyOwn(bump, mark)', '']),
  mutant('a removal lets go of memory only afterwards', [writes, '      dropFirst: true,\n', '']),
  mutant('a write in doubt leaves memory alone', [
    commits,
    'if (key !== undefined && isInDoubt) this.#tiers.drop(key)',
    '',
  ]),
  under(
    { ...quiet, latency: cacheLatencies.slowReads, weights: { ...noWrites, 'replace quietly': 1 }, writes: 6 },
    mutant('a write detaches no read when it ends', [
      commits,
      '    this.#tiers.detach(key)\n    if (--writing.open',
      '    if (--writing.open',
    ]),
  ),
  under(
    {
      ...quiet,
      latency: cacheLatencies.slow,
      weights: { ...noWrites, extend: 1, 'replace quietly': 1 },
      writes: 6,
      writesOutside: 3,
      ambushes: 3,
    },
    mutant('what a refused write tells is forgotten', [writes, 'this.#tiers.commits.noteRead(key, newest)', '']),
  ),
  mutant('a conflict leaves memory alone', [
    writes,
    "this.#letGo(key, outcome === 'absent' ? Infinity : version + 1)",
    'this.#tiers.commits.noteRead(key, version + 1)',
  ]),
  under(
    { ...quiet, lossRate: 0.2, weights: { ...noWrites, 'remove by subject': 1 } },
    mutant('a removal by index in doubt leaves memory alone', [
      writes,
      "if ('index' in target) {",
      "if ('index' in target && !target) {",
    ]),
  ),
  mutant('an upsert touch', [
    writes,
    'send: () => this.#tiers.batchedWrites.extend(key, idleMs)',
    `send: async () => {
        const reply = await this.#tiers.batchedWrites.extend(key, idleMs)
        if (reply.outcome === 'absent' && entry)
          await this.#tiers.store.create({ key, value: this.#seal(entry), lifetime: { idleMs } })
        return reply
      }`,
  ]),
  mutant('a touch prolongs another version', [
    writes,
    'else if (entry === undefined || !isSame(entry, reply)) this',
    'else if (entry === undefined) this',
  ]),
  mutant('an upsert replacement', [
    writes,
    'send: () => this.#tiers.batchedWrites.replace(key, version, { value: this.#seal(item), ...how })',
    `send: async () => {
        const reply = await this.#tiers.batchedWrites.replace(key, version, { value: this.#seal(item), ...how })
        if (reply.outcome === 'absent')
          await this.#tiers.store.create({ key, value: this.#seal(item), lifetime: { idleMs: 60_000 } })
        return reply
      }`,
  ]),
]

const store = [
  mutant(
    'a touch that revives',
    [
      memory,
      'const row = this.#use(key, storeNow)\n    const { reply, next } = decideExtend(',
      'const row = this.#rows.get(key)\n    const { reply, next } = decideExtend(',
    ],
    [
      decisions,
      "if (!isLive(known, storeNow)) return { reply: { outcome: 'absent' } }\n  const expiresAt",
      "if (known === undefined) return { reply: { outcome: 'absent' } }\n  const expiresAt",
    ],
  ),
  mutant(
    'polls answered by a replica that lags',
    [
      memory,
      'numbers: [...this.#numbers],',
      'numbers: this.#recent.map((bumps) => bumps.findLast(({ n }) => n < storeNow - 100)?.n ?? bumps[0]?.prev ?? 0),',
    ],
    [
      memory,
      'filter((bump) => bump.n > (known[bucket] ?? 0))',
      'filter(({ n }) => n > (known[bucket] ?? 0) && n < storeNow - 100)',
    ],
  ),
  mutant(
    'reads answered by a replica that lags',
    [
      memory,
      'const row = this.#use(key, storeNow)\n      return row && entryOf(row)',
      'const row = this.#use(key, storeNow) ?? this.#late(key, storeNow)\n      return row && entryOf(row)',
    ],
    [
      memory,
      'for (const row of rows) this.#rows.delete(row)',
      'for (const row of rows) this.#rows.delete(row), this.#ended.set(row.key, [row, storeNow])',
    ],
    [
      memory,
      '  #now(): number {',
      `  readonly #ended = new Map<string, [Row, number]>()
  #late(key: string, now: number): Row | undefined {
    const [row, at] = this.#ended.get(key) ?? []
    return now - at! < 30 ? row : undefined
  }

  #now(): number {`,
    ],
  ),
  mutant('a bump that is not atomic with its removal', [
    memory,
    'for (const row of rows) this.#rows.delete(row)',
    'this.#clock.setTimer(() => rows.forEach((row) => this.#rows.get(row.key) === row && this.#rows.delete(row)), 20)',
  ]),
  mutant(
    'one push per key',
    [
      memory,
      'return byBucket(keys).map(([bucket, named]) => {',
      'return byBucket(keys).flatMap(([bucket, named]) => {',
    ],
    [memory, 'bump)\n      return bump', 'bump)\n      return named.map((key) => ({ ...bump, keys: [key] }))'],
  ),
  mutant('a change that does not bump', [memory, 'change.bump ? this', 'change.bump && version > 1 ? this']),
  mutant('a removal that does not bump', [
    memory,
    'const bumps = this.#bump(keys, storeNow)',
    'const bumps: Bump[] = keys ? [] : []',
  ]),
  mutant('a replacement whatever the version', [
    decisions,
    "if (known.version !== version) return { reply: { outcome: 'conflict' } }",
    'version = known.version',
  ]),
  mutant('a take that leaves it there', [
    memory,
    'if (!row) return undefined\n    this.#rows.delete(row)',
    'if (!row) return undefined',
  ]),
  mutant('numbers used twice', [
    'src/stores/rules/bumps.ts',
    'n: nextEpoch(prev, storeNow)',
    'n: nextEpoch(prev - 1, Math.floor(storeNow / 1_000))',
  ]),
]

const room = [
  mutant('deadlines counted from a time between', [
    entry,
    'this.storeOffset = reading.storeNow - reading.at.monotonic\n    this.#readAgainAt',
    'this.storeOffset = reading.storeNow - reading.at.monotonic - 50\n    this.#readAgainAt',
  ]),
  mutant('no deadlines', [l1, "if (monotonic >= this.#deadlines[slot]!) return this.#leave(entry, 'expired')", '']),
  mutant('memory without a bound', [l1, "if (this.size >= this.#room.l1MaxCapacity) return 'capacity'", '']),
  mutant('an entry left behind under its other text', [l1, '    this.#slotOfText.delete(entry.text)\n', '']),
]

export const mutants: readonly Mutant[] = [lease, epochs, insertion, joining, writing, store, room].flat()

function mutant(name: string, ...edits: [file: string, from: string, to: string][]): Mutant {
  return { name, edits: edits.map(([file, from, to]) => ({ file, from, to })), within: 20_000, plan: {} }
}

/** The same, only looked for where it can be found. */
function under(plan: Partial<CachePlan>, rare: Mutant): Mutant {
  return { ...rare, plan }
}

/** The source with the edits made. Throws where a text does not occur exactly once. */
export function mutated(source: string, edits: readonly Edit[]): string {
  return edits.reduce((text, { file, from, to }) => {
    if (text.split(from).length !== 2) throw new Error(`${file}: the source changed: update the mutant\n${from}`)
    // A function: dollar signs mean nothing in it.
    return text.replace(from, () => to)
  }, source)
}
