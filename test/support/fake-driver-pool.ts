import assert from 'node:assert/strict'
import type { DriverPool } from '../../src/stores/sql/pool.ts'

export interface FakeConnection {
  id: number
}

interface Deferred<T> {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: Error) => void
}

function deferred<T>(): Deferred<T> {
  let settle: Omit<Deferred<T>, 'promise'> | undefined
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject }
  })
  assert.ok(settle)
  return { promise, ...settle }
}

/** The one error that a connection does not survive. */
export const dead = new Error('the connection broke')

/** A driver's pool as drivers have them: who finds no connection waits in a queue without an end. */
export class FakeDriverPool implements DriverPool<FakeConnection> {
  readonly max: number
  readonly idle: FakeConnection[] = []
  readonly lent = new Set<FakeConnection>()
  readonly discarded: FakeConnection[] = []
  readonly queue: Deferred<FakeConnection>[] = []
  /** Whether new connections are made at once; otherwise `serve` makes them. */
  isReachable = true
  closings = 0
  #made = 0

  constructor(max: number) {
    this.max = max
  }

  acquire(): Promise<FakeConnection> {
    const wanted = deferred<FakeConnection>()
    this.queue.push(wanted)
    if (this.isReachable) this.serve()
    return wanted.promise
  }

  release(connection: FakeConnection): void {
    assert.ok(this.lent.delete(connection), 'given back once')
    this.idle.push(connection)
    this.serve()
  }

  discard(connection: FakeConnection): void {
    assert.ok(this.lent.delete(connection), 'given back once')
    this.discarded.push(connection)
    this.serve()
  }

  open(): number {
    return this.idle.length + this.lent.size
  }

  async close(): Promise<void> {
    this.closings++
    assert.equal(this.lent.size, 0)
    this.idle.length = 0
  }

  survives(error: unknown): boolean {
    return error !== dead
  }

  serve(): void {
    while (this.queue.length > 0 && (this.idle.length > 0 || this.lent.size < this.max)) {
      const connection = this.idle.pop() ?? { id: ++this.#made }
      this.lent.add(connection)
      this.queue.shift()?.resolve(connection)
    }
  }
}

/** What became of it, without waiting for it. */
export function watched(work: Promise<unknown>): { status: () => 'fulfilled' | 'rejected' | undefined } {
  let status: 'fulfilled' | 'rejected' | undefined
  void Promise.allSettled([work]).then(([outcome]) => (status = outcome.status))
  return { status: () => status }
}

/** Work that goes on until it is told to end. */
export function held(): { work: () => Promise<string>; end: () => void; fail: (error: Error) => void } {
  const { promise, resolve, reject } = deferred<string>()
  return { work: () => promise, end: () => resolve('done'), fail: reject }
}
