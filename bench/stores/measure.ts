import { setImmediate } from 'node:timers/promises'
import { median } from '../median.ts'
import type { Contestant } from './contestant.ts'

/** What the rows of a contestant are made of. */
export interface Figures {
  /** Microseconds, one at a time. */
  get: { p50: number; p99: number }
  write: { p50: number; p99: number }
  /** Operations per second, 64 at once. */
  at64: { get: number; write: number }
}

/** One operation of a worker; `worker` and `turn` tell it which key is its own. */
type Operation = (worker: number, turn: number) => Promise<unknown>

const atOnce = 64

/** Measures all contestants in turns, so that the machine's mood meets every one of them. */
export async function measure(
  contestants: readonly Contestant[],
  { keys, value, rounds, roundMs }: { keys: readonly string[]; value: Uint8Array; rounds: number; roundMs: number },
): Promise<Map<string, Figures>> {
  const measured = new Map(contestants.map(({ name }) => [name, samplesOf()]))
  const operations = new Map(contestants.map((contestant) => [contestant.name, operationsOf(contestant, keys, value)]))
  for (let round = 0; round <= rounds; round++) {
    for (const { name } of contestants) {
      const { get, write } = operations.get(name)!
      const alone = { get: await latencies(get, roundMs), write: await latencies(write, roundMs) }
      const at64 = { get: await throughput(get, roundMs), write: await throughput(write, roundMs) }
      // The first round is for compilers, caches and connections.
      if (round === 0) continue
      const samples = measured.get(name)!
      samples.get.push(...alone.get)
      samples.write.push(...alone.write)
      samples.getAt64.push(at64.get)
      samples.writeAt64.push(at64.write)
    }
  }
  return new Map([...measured].map(([name, samples]) => [name, figuresOf(samples)]))
}

/** How many operations `workers` workers do in a second, each one after the other. */
export async function throughput(operation: Operation, ms: number, workers: number = atOnce): Promise<number> {
  const startedAt = performance.now()
  let done = 0
  await Promise.all(
    Array.from({ length: workers }, async (_, worker) => {
      for (let turn = 0; performance.now() - startedAt < ms; turn++) {
        await operation(worker, turn)
        done++
        // A store in this process answers at once; even then everybody has his turn.
        if (turn % 16 === 15) await setImmediate()
      }
    }),
  )
  return (done / (performance.now() - startedAt)) * 1_000
}

async function latencies(operation: Operation, ms: number): Promise<number[]> {
  const samples: number[] = []
  const startedAt = performance.now()
  for (let turn = 0; performance.now() - startedAt < ms; turn++) {
    const sentAt = performance.now()
    await operation(0, turn)
    samples.push((performance.now() - sentAt) * 1_000)
  }
  return samples
}

/** Each worker has keys of its own, so that no write meets a version it does not expect. */
export function keyOf(keys: readonly string[], worker: number, turn: number): string {
  const each = Math.floor(keys.length / atOnce)
  return keys[worker * each + ((turn * 7) % each)]!
}

function operationsOf(
  contestant: Contestant,
  keys: readonly string[],
  value: Uint8Array,
): { get: Operation; write: Operation } {
  const versions = new Map(keys.map((key) => [key, 1]))
  return {
    get: (worker, turn) => contestant.get(keyOf(keys, worker, turn)),
    async write(worker, turn) {
      const key = keyOf(keys, worker, turn)
      const version = versions.get(key)!
      await contestant.write(key, version, value)
      versions.set(key, version + 1)
    },
  }
}

interface Samples {
  get: number[]
  write: number[]
  getAt64: number[]
  writeAt64: number[]
}

function samplesOf(): Samples {
  return { get: [], write: [], getAt64: [], writeAt64: [] }
}

function figuresOf({ get, write, getAt64, writeAt64 }: Samples): Figures {
  return {
    get: { p50: median(get), p99: quantile(get, 0.99) },
    write: { p50: median(write), p99: quantile(write, 0.99) },
    at64: { get: median(getAt64), write: median(writeAt64) },
  }
}

function quantile(samples: readonly number[], part: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length * part)] ?? NaN
}
