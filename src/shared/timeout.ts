import type { Clock } from './clock.ts'

/** Settles as `work` does, or rejects with `late()` after `ms`. A later outcome of `work` is ignored. */
export function withTimeout<T>(clock: Clock, ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = clock.setTimer(() => reject(late()), ms)
    work.then(resolve, reject).finally(() => timer.cancel())
  })
}
