import type { TroubleName } from '../support/cache-troubles.ts'

/** A piece of source text that occurs once in its file, and what takes its place. */
interface Edit {
  readonly file: string
  readonly from: string
  readonly to: string
}

/** The code without one of the rules it keeps. Where two rules cover each other, it is without both. */
export interface Mutant {
  readonly name: string
  readonly edits: readonly Edit[]
}

const coherence = 'src/cache/coherence/coherence.ts'
const poller = 'src/cache/coherence/poller.ts'
const partition = 'src/cache/partition.ts'
const flights = 'src/cache/flights.ts'
const commits = 'src/cache/commits.ts'
const writes = 'src/cache/writes.ts'
const entry = 'src/cache/entry.ts'
const l1 = 'src/cache/l1/l1.ts'
const reads = 'src/cache/l2/batched-reads.ts'
const memory = 'src/stores/memory.ts'
const bumping = 'src/stores/_bumps.ts'

/** The reading half of an insertion: nothing has moved since the read was sent. */
const checkAtInsert = ' && coherence.stillAt(entry.bucket, mark)'

export const mutants: readonly Mutant[] = [
  mutant('no lease', [
    coherence,
    'return isRecent(this.#freshAsOf, monotonic, wall, withinMs) ||',
    'return withinMs > 0 ||',
  ]),
  mutant('a lease by the monotonic clock alone', [
    coherence,
    ' && Math.abs(wall - asOf.wall) < withinMs',
    ' && wall > 0',
  ]),
  mutant('a lease by the wall clock alone', [
    coherence,
    'return monotonic - asOf.monotonic < withinMs && ',
    'return monotonic > 0 && ',
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
  mutant(
    'stamped when inserted, and no check at insert',
    [
      partition,
      'stamp: mark.stamp, at, storeNow',
      'stamp: coherence.mark(bucketOf(key, this.#tiers.buckets)).stamp, at, storeNow',
    ],
    [partition, checkAtInsert, ''],
  ),
  mutant(
    'no check at insert, and pushes detach no reads',
    [partition, checkAtInsert, ''],
    [partition, '    this.#l1.delete(key)\n    this.detach(key)\n', '    this.#l1.delete(key)\n'],
  ),
  mutant('gaps between pushes ignored', [
    coherence,
    "if (prev !== known || keys === '*') this",
    "if (keys === '*') this",
  ]),
  mutant('a heartbeat without position', [coherence, 'else this.#compare(reply, known)', '']),
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
  mutant('another store keeps what is under way', [
    coherence,
    '    this.#generation++\n    this.#holder.dropAll()',
    '    this.#holder.dropAll()',
  ]),
  mutant('pushes of any store', [
    coherence,
    'if (incarnation === this.#incarnation) this.applyLocal(bump)',
    'if (incarnation) this.applyLocal(bump)',
  ]),
  mutant('own bumps of any store', [
    coherence,
    'if (mark.generation === this.#generation && this.#applyBump(bump)) return',
    'if (mark && this.#applyBump(bump)) return',
  ]),
  mutant('own bumps known already drop nothing', [
    coherence,
    '    this.#drop(bump.bucket, bump.keys)\n  }\n\n  /** What the caller',
    '  }\n\n  /** What the caller',
  ]),
  mutant('a step of the clock of the store not noticed', [coherence, ' || this.#hasStepped(reply, sentAt)', '']),
  mutant('a touch that creates', [
    writes,
    'send: () => this.#tiers.batchedWrites.extend(key, idleMs)',
    `send: async () => {
        const reply = await this.#tiers.batchedWrites.extend(key, idleMs)
        if (reply.outcome === 'absent' && entry)
          await this.#tiers.store.create({ key, value: this.#seal(entry), lifetime: { idleMs } })
        return reply
      }`,
  ]),
  mutant('a touch that revives', [
    memory,
    `  async extend(key: string, idleMs: number): Promise<ExtendReply> {
    const storeNow = this.#now()
    const row = this.#use(key, storeNow)`,
    `  async extend(key: string, idleMs: number): Promise<ExtendReply> {
    const storeNow = this.#now()
    const row = this.#rows.get(key)`,
  ]),
  mutant('a touch prolongs another version', [
    writes,
    'else if (entry === undefined || !isSame(entry, reply)) this',
    'else if (entry === undefined) this',
  ]),
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
  mutant('a bump before its removal', [
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
    [
      memory,
      'remembering(this.#recent[bucket] ?? [], bump)\n      return bump',
      'remembering(this.#recent[bucket] ?? [], bump)\n      return named.map((key) => ({ ...bump, keys: [key] }))',
    ],
  ),
  mutant('a change that does not bump', [memory, 'change.bump ? this', 'change.bump && version > 1 ? this']),
  mutant('a removal that does not bump', [
    memory,
    'const bumps = this.#bump(keys, storeNow)',
    'const bumps: Bump[] = keys ? [] : []',
  ]),
  mutant('a replacement whatever the version', [
    memory,
    "if (row.version !== version) return { outcome: 'conflict' }",
    'row.version = version',
  ]),
  mutant('a replacement that creates', [
    writes,
    'send: () => this.#tiers.batchedWrites.replace(key, version, { value: this.#seal(item), ...how })',
    `send: async () => {
        const reply = await this.#tiers.batchedWrites.replace(key, version, { value: this.#seal(item), ...how })
        if (reply.outcome === 'absent') await this.#tiers.store.create({ key, value: this.#seal(item), lifetime: { idleMs: 60_000 } })
        return reply
      }`,
  ]),
  mutant('a take that leaves it there', [
    memory,
    'if (!row) return undefined\n    this.#rows.delete(row)',
    'if (!row) return undefined',
  ]),
  mutant('numbers used twice', [
    bumping,
    'n: nextEpoch(prev, storeNow)',
    'n: nextEpoch(prev - 1, Math.floor(storeNow / 1_000))',
  ]),
  mutant('a write kept without a check', [commits, 'enableL1 && coherence.stillAt(bucket, mark, own)', 'enableL1']),
  mutant('a write kept beside another', [
    commits,
    'standsAlone: writing.open === 0 && writing.latest === sequence',
    'standsAlone: true',
  ]),
  mutant('a write kept although something newer was read', [
    writes,
    'mayKeep && entry.version >= newestRead',
    'mayKeep && newestRead >= 0',
  ]),
  mutant('own bumps not applied', [commits, 'for (const bump of bumps) coherence.applyOwn(bump, mark)', '']),
  mutant('a read kept while its key is written', [partition, ' && !commits.isWriting(key)', '']),
  mutant('a detached read kept', [partition, 'const undisturbed = !detached && ', 'const undisturbed = ']),
  mutant('a detached read joined', [
    flights,
    'flight === undefined || flight.detached || ',
    'flight === undefined || ',
  ]),
  mutant('a write detaches no read when it ends', [
    commits,
    '    this.#tiers.detach(key)\n    if (--writing.open',
    '    if (--writing.open',
  ]),
  mutant('an older read that comes last', [
    partition,
    'if (this.#flights.isOvertaken(flight)) this.detach(flight.key)',
    '',
  ]),
  mutant('an older read kept beside a newer one', [
    flights,
    '    this.detach(key)\n    const flight = new',
    '    const flight = new',
  ]),
  mutant('any read in flight joined', [
    flights,
    'return age <= this.#joinableMs ? flight : undefined',
    'return age < Infinity ? flight : undefined',
  ]),
  mutant('reads joined by the monotonic clock alone', [
    flights,
    'Math.max(this.#clock.monotonic() - monotonic, Math.abs(this.#clock.wall() - wall))',
    'this.#clock.monotonic() - monotonic + 0 * wall',
  ]),
  mutant('fresh reads that join', [flights, 'if (fresh) return undefined', '']),
  mutant('another text answered with what was opened for the first', [
    flights,
    ' || flight.text !== text',
    ' || text === ""',
  ]),
  mutant('a removal that lets go of memory only afterwards', [writes, '      dropFirst: true,\n', '']),
  mutant('a write in doubt leaves memory alone', [
    commits,
    'if (key !== undefined && isInDoubt) this.#tiers.drop(key)',
    '',
  ]),
  mutant('a conflict leaves memory alone', [
    writes,
    "this.#letGo(key, outcome === 'absent' ? Infinity : version + 1)",
    '',
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
  mutant('a deadline from the time of the reply', [
    entry,
    'this.storeOffset = reading.storeNow - reading.at.monotonic\n    this.#readAgainAt',
    'this.storeOffset = reading.storeNow - reading.at.monotonic - 50\n    this.#readAgainAt',
  ]),
  mutant('no deadline', [l1, "if (monotonic >= this.#deadlines[slot]!) return this.#leave(entry, 'expired')", '']),
  mutant('memory without a bound', [l1, "if (this.size >= this.#room.l1MaxCapacity) return 'capacity'", '']),
  mutant('an entry left behind under its other text', [l1, '    this.#slotOfText.delete(entry.text)\n', '']),
  mutant(
    'not answered means absent',
    [reads, 'if (isSallyportError(entry)) throw entry', ''],
    [
      'src/cache/l2/batches.ts',
      'for (const { reject } of batch) reject(error)',
      'for (const { resolve } of batch) resolve({ entry: undefined, storeNow: 0 * Number(error) } as Outcome)',
    ],
  ),
]

/** Those that show only if something rare goes wrong. */
const focus: Readonly<Record<string, readonly TroubleName[]>> = {
  'pushes of any store': ['late push'],
  'own bumps of any store': ['replaced'],
  'another store keeps what is under way': ['replaced', 'moved'],
}

export function troublesOf(name: string): readonly TroubleName[] | undefined {
  return focus[name]
}

function mutant(name: string, ...edits: [file: string, from: string, to: string][]): Mutant {
  return { name, edits: edits.map(([file, from, to]) => ({ file, from, to })) }
}

/** The source with the edits made. Throws where a text does not occur exactly once. */
export function mutated(source: string, edits: readonly Edit[]): string {
  return edits.reduce((text, { file, from, to }) => {
    if (text.split(from).length !== 2) throw new Error(`${file}: the source changed: update the mutant\n${from}`)
    // A function: dollar signs mean nothing in it.
    return text.replace(from, () => to)
  }, source)
}
