import type { Run } from './contest.ts'

/** Gets one key after another, round and round; every one must be there, or with `absent` none. */
export function getting(get: (key: string) => unknown, keys: readonly string[], absent: boolean = false): Run {
  let at = 0
  return (times) => {
    let found = 0
    let next = at
    for (let i = 0; i < times; i++) {
      if (get(keys[next]!) !== undefined) found++
      if (++next === keys.length) next = 0
    }
    at = next
    check(found, absent ? 0 : times)
  }
}

/** The same where a get is awaited. */
export function awaiting(
  get: (key: string) => Promise<unknown>,
  keys: readonly string[],
  absent: boolean = false,
): Run {
  let at = 0
  return async (times) => {
    let found = 0
    for (let i = 0; i < times; i++) {
      if ((await get(keys[at]!)) !== undefined) found++
      if (++at === keys.length) at = 0
    }
    check(found, absent ? 0 : times)
  }
}

/** Sets one key after another, round and round. */
export function setting(set: (key: string, i: number) => void, keys: readonly string[]): Run {
  let at = 0
  return (times) => {
    for (let i = 0; i < times; i++) {
      set(keys[at]!, at)
      if (++at === keys.length) at = 0
    }
  }
}

/** The same where a set is awaited. */
export function awaitingSet(set: (key: string, i: number) => Promise<void>, keys: readonly string[]): Run {
  let at = 0
  return async (times) => {
    for (let i = 0; i < times; i++) {
      await set(keys[at]!, at)
      if (++at === keys.length) at = 0
    }
  }
}

function check(found: number, wanted: number): void {
  if (found !== wanted) throw new Error(`${found} were found instead of ${wanted}`)
}
