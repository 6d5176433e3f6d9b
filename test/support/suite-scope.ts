import { after } from 'node:test'
import type { Scope } from './databases.ts'

/** What its tests share, called in a `describe`: closed when all of them are over, the last opened first. */
export function suiteScope(): Scope {
  const closings: (() => unknown)[] = []
  after(async () => {
    for (const close of closings.reverse()) await close()
  })
  return { after: (close) => void closings.push(close) }
}
