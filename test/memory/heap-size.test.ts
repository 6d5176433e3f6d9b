import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { measureAlone } from '../support/heap.ts'
import { sessionShapes } from '../support/session-shapes.ts'

interface Filling {
  entries: number
  heap: number
  estimate: number
}

/** Names of properties that are data make every object one of its own kind: what that costs is estimated from above. */
const tolerance = { usual: { min: 0.9, max: 1.15 }, 'keyed-by-id': { min: 0.9, max: 1.6 } }

describe('L1 knows what its sessions take of the heap', () => {
  for (const shape of sessionShapes) {
    test(shape, async (t) => {
      const program = new URL('fill-with-shape.ts', import.meta.url)
      const { entries, heap, estimate } = (await measureAlone(program, shape)) as Filling
      const ratio = estimate / heap
      t.diagnostic(`${Math.round(heap / entries)} bytes per session, estimate ${ratio.toFixed(3)} × that`)
      const { min, max } = shape === 'keyed-by-id' ? tolerance[shape] : tolerance.usual
      assert.ok(ratio >= min && ratio <= max, `the estimate is ${ratio.toFixed(3)} × the heap`)
    })
  }
})
