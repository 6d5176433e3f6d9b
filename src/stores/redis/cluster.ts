import { sleep } from '../../shared/clock.ts'
import type { Clock } from '../../shared/clock.ts'
import { withTimeout } from '../../shared/timeout.ts'
import type { Connection } from './connection.ts'
import type { Address, Driver } from './driver.ts'
import { RedisError } from './error.ts'
import { endsConnection } from './errors.ts'
import { Lane } from './lane.ts'
import { checkServer } from './server-check.ts'
import { slotOf } from './slot.ts'

/** How to get to the servers of a cluster. */
export interface ClusterWay {
  driver: Driver
  /** Some of the servers; the others are found through them. */
  seeds: readonly Address[]
  /** Where a server is to be found from here, by what the cluster calls it. */
  translate: (address: Address) => Address
}

export type Work<T> = (connection: Connection, startedAt: number) => Promise<T>

type Purpose = 'main' | 'poll' | 'listen'

interface SlotRange {
  from: number
  to: number
  address: Address
}

const maxRedirections = 5
const betweenTriesMs = 20

/** The primaries of a cluster and our connections to them, found and found again by the slots they hold. */
export class Cluster {
  readonly #way: ClusterWay
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #lanes = new Map<string, Lane>()
  #ranges: SlotRange[] = []
  #isStale = true
  #isClosed = false
  #refreshing: Promise<void> | undefined

  constructor(way: ClusterWay, seams: { clock: Clock; timeoutMs: number }) {
    this.#way = way
    this.#clock = seams.clock
    this.#timeoutMs = seams.timeoutMs
  }

  /** Runs the work on the server that holds the keys with this hash tag, wherever they are moved meanwhile. */
  run<T>(tag: string, work: Work<T>, purpose: Purpose = 'main'): Promise<T> {
    const attempts = this.#attempt(slotOf(tag), work, purpose)
    return withTimeout(this.#clock, this.#timeoutMs, attempts, () => tooLate(this.#timeoutMs))
  }

  /** Runs the work on every primary. */
  async onEach<T>(work: Work<T>): Promise<T[]> {
    if (this.#isStale) await this.#refresh()
    return Promise.all(unique(this.#ranges.map(({ address }) => address)).map((at) => this.#lane(at, 'main').run(work)))
  }

  /** Gives up the connections that serve this purpose. */
  drop(purpose: Purpose, reason: RedisError): void {
    for (const [name, lane] of this.#lanes) if (name.startsWith(`${purpose} `)) lane.drop(reason)
  }

  close(): void {
    this.#isClosed = true
    for (const lane of this.#lanes.values()) lane.close()
  }

  async #attempt<T>(slot: number, work: Work<T>, purpose: Purpose): Promise<T> {
    let lane = await this.#laneOf(slot, purpose)
    let own = work
    for (let redirections = 0; ; redirections++) {
      try {
        return await lane.run(own)
      } catch (error) {
        if (!(error instanceof RedisError) || redirections === maxRedirections) throw error
        this.#isStale ||= signsOfChange.has(error.code)
        if (endsConnection(error)) lane.drop(error)
        const { code, message } = error
        if (code === 'TRYAGAIN') await sleep(this.#clock, betweenTriesMs)
        else if (code !== 'MOVED' && code !== 'ASK') throw error
        else lane = this.#lane(this.#way.translate(redirection(message)), purpose)
        own = code === 'ASK' ? asking(work) : code === 'MOVED' ? work : own
      }
    }
  }

  async #laneOf(slot: number, purpose: Purpose): Promise<Lane> {
    if (this.#isStale) await this.#refresh()
    const range = this.#ranges.find(({ from, to }) => slot >= from && slot <= to)
    if (range !== undefined) return this.#lane(range.address, purpose)
    this.#isStale = true
    throw new RedisError('CLUSTERDOWN', `nobody serves slot ${slot}`)
  }

  #lane(address: Address, purpose: Purpose): Lane {
    const name = `${purpose} ${nameOf(address)}`
    const known = this.#lanes.get(name)
    if (known !== undefined) return known
    const lane = this.#newLane(address, checkServer)
    if (this.#isClosed) lane.close()
    else this.#lanes.set(name, lane)
    return lane
  }

  #newLane(address: Address, check: typeof checkServer = async () => {}): Lane {
    const { driver } = this.#way
    const [clock, timeoutMs] = [this.#clock, this.#timeoutMs]
    return new Lane({ clock, timeoutMs, check, open: (ended) => driver.open(timeoutMs, ended, address) })
  }

  #refresh(): Promise<void> {
    this.#refreshing ??= this.#askAnybody().finally(() => (this.#refreshing = undefined))
    return this.#refreshing
  }

  /** Whoever answers first: one that hangs must not be in the way. */
  async #askAnybody(): Promise<void> {
    const lanes = unique([...this.#ranges.map(({ address }) => address), ...this.#way.seeds]).map((address) => ({
      address,
      lane: this.#newLane(address),
    }))
    if (this.#isClosed) for (const { lane } of lanes) lane.close()
    try {
      this.#ranges = await Promise.any(lanes.map(({ lane, address }) => this.#slotsBy(lane, address)))
      this.#isStale = false
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error
    } finally {
      for (const { lane } of lanes) lane.close()
    }
    const needed = new Set(this.#ranges.map(({ address }) => nameOf(address)))
    for (const [name, lane] of this.#lanes) {
      if (needed.has(name.slice(name.indexOf(' ') + 1))) continue
      this.#lanes.delete(name)
      lane.close()
    }
  }

  async #slotsBy(lane: Lane, asked: Address): Promise<SlotRange[]> {
    const reply = await lane.run((connection, startedAt) => connection.send(['CLUSTER', 'SLOTS'], startedAt))
    return (reply as [number, number, [Buffer | null, number]][]).map(([from, to, [host, port]]) => {
      const name = host === null || host.length === 0 ? asked.host : String(host)
      return { from, to, address: this.#way.translate({ host: name, port }) }
    })
  }
}

/** After these the slots may be elsewhere. */
const signsOfChange = new Set(['MOVED', 'CONNECTION', 'READONLY', 'CLUSTERDOWN', 'MASTERDOWN', 'LOADING'])

/** Each command after a word that the server it is sent to does not hold the slot for sure. */
function asking<T>(work: Work<T>): Work<T> {
  return (connection, startedAt) => {
    const polite = Object.create(connection, {
      send: {
        value: (command: readonly string[], since: number) => {
          connection.send(['ASKING'], since).catch(() => {})
          return connection.send(command, since)
        },
      },
    }) as Connection
    return work(polite, startedAt)
  }
}

/** `MOVED 3999 127.0.0.1:6381` */
function redirection(message: string): Address {
  const place = message.split(' ')[2] ?? ''
  const colon = place.lastIndexOf(':')
  return { host: place.slice(0, colon), port: Number(place.slice(colon + 1)) }
}

function unique(addresses: readonly Address[]): Address[] {
  return [...new Map(addresses.map((address) => [nameOf(address), address])).values()]
}

function nameOf({ host, port }: Address): string {
  return `${host}:${port}`
}

function tooLate(timeoutMs: number): RedisError {
  return new RedisError('CONNECTION', `no answer within ${timeoutMs} ms`)
}
