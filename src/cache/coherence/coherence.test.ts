import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Instant } from '../../shared/clock.ts'
import { Coherence } from './coherence.ts'
import { CacheEntry } from '../entry.ts'
import type { Bump, EpochsReply } from '../store.ts'

const D = 1_000
const buckets = 4
/** The store's clock is this far ahead of our monotonic one. */
const storeOffset = 5_000_000

interface View {
  coherence: Coherence
  /** What the holder was told, in order: keys, `bucket 1`, `all`. */
  dropped: string[]
  /** What the store was caught at. */
  violations: string[]
  /** Polls the store: its numbers and what it remembers. */
  poll(at: number | Instant, numbers: number[], also?: Partial<EpochsReply> & { known?: number[] }): void
}

function view(graceMs = 0): View {
  const dropped: string[] = []
  const violations: string[] = []
  const coherence = new Coherence(
    buckets,
    { maxStalenessMs: D, graceMs, writeTimeoutMs: 1_000 },
    {
      drop: (key) => void dropped.push(key),
      dropBucket: (bucket) => void dropped.push(`bucket ${bucket}`),
      dropAll: () => void dropped.push('all'),
      violated: (bucket, reason) => void violations.push(`bucket ${bucket}: ${reason}`),
    },
  )
  return {
    coherence,
    dropped,
    violations,
    poll(at, numbers, { known, ...also } = {}) {
      const sentAt = instant(at)
      const storeNow = storeOffset + sentAt.monotonic
      const reply = { incarnation: 'store 1', maxStalenessMs: D + graceMs, numbers, recent: [], storeNow, ...also }
      coherence.applyPoll(reply, known ?? coherence.known(), sentAt)
    },
  }
}

/** A view that polled at 0 and found these numbers. */
function viewAt(numbers: number[]): View {
  const fresh = view()
  fresh.poll(0, numbers)
  fresh.dropped.length = 0
  return fresh
}

function instant(at: number | Instant): Instant {
  return typeof at === 'number' ? { monotonic: at, wall: at } : at
}

function entry(stamp: number, readAt: number | Instant, bucket = 1): CacheEntry<string> {
  const times = { createdAt: 0, lastSeenAt: 0, expiresAt: 1e12 }
  const reading = { stamp, at: instant(readAt), storeNow: 0 }
  return new CacheEntry({ text: 'text', key: 'key', value: 'value', version: 1, times }, reading, {
    bucket,
    ttlMs: 1e12,
  })
}

function bump(prev: number, n: number, keys: string[] | '*', bucket = 1): Bump {
  return { incarnation: 'store 1', bucket, prev, n, keys }
}

function allows({ coherence }: View, held: CacheEntry<string>, at: number | Instant): boolean {
  const { monotonic, wall } = instant(at)
  return coherence.allows(held, monotonic, wall)
}

describe('serve: an entry is allowed', () => {
  test('less than D after the last good poll was sent, and not at D', () => {
    const instance = viewAt([0, 0, 0, 0])
    instance.poll(500, [0, 0, 0, 0])
    assert.equal(allows(instance, entry(0, 0), 500 + D - 1), true)
    assert.equal(allows(instance, entry(0, 0), 500 + D), false)
  })

  test('less than D after its own read was sent, and not at D, however long ago the last poll was', () => {
    const instance = viewAt([0, 0, 0, 0])
    assert.equal(allows(instance, entry(0, 5_000), 5_000 + D - 1), true)
    assert.equal(allows(instance, entry(0, 5_000), 5_000 + D), false)
  })

  test('only if it was read at its bucket’s floor or above', () => {
    const instance = viewAt([0, 0, 0, 0])
    instance.poll(1, [0, 7, 0, 0])
    assert.deepEqual(
      [6, 7, 8].map((stamp) => allows(instance, entry(stamp, 0), 2)),
      [false, true, true],
    )
  })

  test('whatever the floors of other buckets are', () => {
    const instance = viewAt([0, 0, 0, 0])
    instance.poll(1, [9, 0, 9, 9])
    assert.equal(allows(instance, entry(0, 0), 2), true)
  })

  test('never before the first poll, unless it was just read', () => {
    const instance = view()
    assert.equal(allows(instance, entry(0, -5_000), 0), false)
    assert.equal(allows(instance, entry(0, 0), 1), true)
  })
})

describe('both clocks must agree that the lease holds', () => {
  for (const [what, step] of [
    ['forward', 2 * D],
    ['back', -2 * D],
  ] as const) {
    test(`a wall clock set ${what} by 2 D takes the lease away until the next poll`, () => {
      const instance = viewAt([0, 0, 0, 0])
      const stepped = { monotonic: 10, wall: 10 + step }
      assert.equal(allows(instance, entry(0, 0), stepped), false)
      assert.equal(instance.coherence.holdsLease(stepped.monotonic, stepped.wall), false)
      instance.poll(stepped, [0, 0, 0, 0], { storeNow: storeOffset + 10 })
      assert.equal(allows(instance, entry(0, 0), { monotonic: 20, wall: 20 + step }), true)
    })
  }

  test('a wall clock set back does not make an old poll young again', () => {
    const instance = viewAt([0, 0, 0, 0])
    assert.equal(allows(instance, entry(0, 0), { monotonic: D, wall: 0 }), false)
  })

  test('a machine that slept with its monotonic clock standing still is found out by the wall clock', () => {
    const instance = viewAt([0, 0, 0, 0])
    assert.equal(allows(instance, entry(0, 0), { monotonic: 1, wall: 8 * 3_600_000 }), false)
  })

  test('the entry’s own read is judged by both clocks too', () => {
    const instance = viewAt([0, 0, 0, 0])
    assert.equal(allows(instance, entry(0, 5_000), { monotonic: 5_001, wall: 5_000 + D }), false)
  })
})

describe('insert: what was sent at a mark may be kept', () => {
  test('while nothing moved', () => {
    const { coherence } = viewAt([0, 3, 0, 0])
    const mark = coherence.mark(1)
    assert.equal(mark.stamp, 3)
    assert.equal(coherence.stillAt(1, mark), true)
  })

  test('not once the bucket’s epoch moved by a push', () => {
    const { coherence } = viewAt([0, 3, 0, 0])
    const mark = coherence.mark(1)
    coherence.applyPush(bump(3, 4, ['another key']))
    assert.equal(coherence.stillAt(1, mark), false)
  })

  test('not once the bucket’s epoch moved by a poll', () => {
    const instance = viewAt([0, 3, 0, 0])
    const mark = instance.coherence.mark(1)
    instance.poll(1, [0, 4, 0, 0])
    assert.equal(instance.coherence.stillAt(1, mark), false)
  })

  test('whatever moved in other buckets', () => {
    const instance = viewAt([0, 3, 0, 0])
    const mark = instance.coherence.mark(1)
    instance.poll(1, [9, 3, 9, 9])
    assert.equal(instance.coherence.stillAt(1, mark), true)
  })

  test('by a write of our own, if its own bump is the last that happened', () => {
    const { coherence } = viewAt([0, 3, 0, 0])
    const mark = coherence.mark(1)
    const own = bump(3, 4, ['key'])
    coherence.applyOwn(own, mark)
    assert.equal(coherence.stillAt(1, mark, own), true)
  })

  test('not by a write of our own that somebody else’s bump overtook', () => {
    const { coherence } = viewAt([0, 3, 0, 0])
    const mark = coherence.mark(1)
    coherence.applyPush(bump(4, 5, ['key']))
    const own = bump(3, 4, ['key'])
    coherence.applyOwn(own, mark)
    assert.equal(coherence.stillAt(1, mark, own), false)
  })
})

describe('poll', () => {
  test('makes fresh as of when it was sent', () => {
    const instance = viewAt([0, 0, 0, 0])
    instance.poll(400, [0, 0, 0, 0])
    assert.equal(instance.coherence.holdsLease(400 + D - 1, 400 + D - 1), true)
    assert.equal(instance.coherence.holdsLease(400 + D, 400 + D), false)
  })

  test('that was sent before the last good one makes nothing older again', () => {
    const instance = viewAt([0, 0, 0, 0])
    instance.poll(400, [0, 0, 0, 0])
    instance.poll(200, [0, 0, 0, 0])
    assert.equal(instance.coherence.holdsLease(1_300, 1_300), true)
  })

  test('a number that rose and is explained drops exactly those keys', () => {
    const instance = viewAt([0, 3, 0, 0])
    instance.poll(1, [0, 5, 0, 0], { recent: [bump(3, 4, ['a']), bump(4, 5, ['b'])] })
    assert.deepEqual(instance.dropped, ['a', 'b'])
    assert.equal(allows(instance, entry(3, 0), 2), true)
    assert.equal(instance.coherence.mark(1).stamp, 5)
  })

  test('a number that rose and is explained in part only raises the floor', () => {
    const instance = viewAt([0, 3, 0, 0])
    instance.poll(1, [0, 9, 0, 0], { recent: [bump(7, 8, ['a']), bump(8, 9, ['b'])] })
    assert.equal(allows(instance, entry(3, 0), 2), false)
    assert.equal(instance.coherence.mark(1).stamp, 9)
  })

  test('an explanation that ends before the number raises the floor', () => {
    const instance = viewAt([0, 3, 0, 0])
    instance.poll(1, [0, 9, 0, 0], { recent: [bump(3, 4, ['a'])] })
    assert.equal(allows(instance, entry(4, 0), 2), false)
  })

  test('an explanation with too many keys to name raises the floor', () => {
    const instance = viewAt([0, 3, 0, 0])
    instance.poll(1, [0, 4, 0, 0], { recent: [bump(3, 4, '*')] })
    assert.equal(allows(instance, entry(3, 0), 2), false)
  })

  test('counts no gap of pushes, however much it had to say', () => {
    const instance = viewAt([0, 3, 0, 0])
    instance.poll(1, [0, 9, 0, 0], { recent: [bump(7, 8, ['a']), bump(8, 9, ['b'])] })
    assert.equal(instance.coherence.pushGaps, 0)
  })

  test('explanations already known by pushes are not applied twice', () => {
    const instance = viewAt([0, 3, 0, 0])
    const known = instance.coherence.known()
    instance.coherence.applyPush(bump(3, 4, ['a']))
    instance.poll(1, [0, 5, 0, 0], { known, recent: [bump(3, 4, ['a']), bump(4, 5, ['b'])] })
    assert.deepEqual(instance.dropped, ['a', 'b'])
    assert.equal(allows(instance, entry(3, 0), 2), true)
  })

  test('a number that fell drops everything, for what else is forgotten nobody knows, and voids what is under way', () => {
    const instance = viewAt([0, 9, 0, 0])
    const mark = instance.coherence.mark(1)
    const elsewhere = instance.coherence.mark(2)
    instance.poll(1, [0, 4, 0, 0])
    assert.deepEqual(instance.dropped, ['all'])
    assert.equal(instance.coherence.stillAt(1, mark), false)
    assert.equal(instance.coherence.stillAt(2, elsewhere), false)
    assert.equal(instance.coherence.mark(1).stamp, 4)
  })

  test('a number that is missing means that nothing of its bucket is known, until it is told again', () => {
    const instance = viewAt([0, 9, 0, 0])
    instance.poll(1, [0, undefined as never, 0, 0])
    assert.equal(allows(instance, entry(9, 2), 3), false)
    assert.equal(allows(instance, entry(0, 2, 2), 3), true)
    instance.poll(4, [0, 9, 0, 0])
    assert.equal(allows(instance, entry(9, 5), 6), true)
  })

  test('a number that fell and rose to the old one again does not save what was under way', () => {
    const instance = viewAt([0, 9, 0, 0])
    const mark = instance.coherence.mark(1)
    instance.poll(1, [0, 4, 0, 0])
    instance.poll(2, [0, 9, 0, 0])
    assert.equal(instance.coherence.stillAt(1, mark), false)
  })

  test('another incarnation clears everything and voids what is under way, though the numbers are the same', () => {
    const instance = viewAt([0, 9, 0, 0])
    const mark = instance.coherence.mark(1)
    instance.poll(1, [0, 9, 0, 0], { incarnation: 'store 2' })
    assert.deepEqual(instance.dropped, ['all'])
    assert.equal(instance.coherence.stillAt(1, mark), false)
  })

  test('an answer older than a write of our own does not take its number for fallen', () => {
    const instance = viewAt([0, 3, 0, 0])
    const known = instance.coherence.known()
    const mark = instance.coherence.mark(1)
    instance.coherence.applyOwn(bump(3, 4, ['key']), mark)
    instance.dropped.length = 0
    instance.poll(1, [0, 3, 0, 0], { known })
    assert.deepEqual(instance.dropped, [])
    assert.equal(instance.coherence.mark(1).stamp, 4)
    assert.equal(allows(instance, entry(4, 0), 2), true)
  })

  for (const [what, stepMs] of [
    ['forward by an hour', 3_600_000],
    ['back by an hour', -3_600_000],
    ['forward by two seconds', 2_000],
  ] as const) {
    test(`a store whose clock went ${what} clears everything: deadlines in memory are wrong`, () => {
      const instance = viewAt([0, 9, 0, 0])
      const mark = instance.coherence.mark(1)
      instance.poll(300, [0, 9, 0, 0], { storeNow: storeOffset + 300 + stepMs })
      assert.deepEqual(instance.dropped, ['all'])
      assert.equal(instance.coherence.stillAt(1, mark), false)
      instance.poll(600, [0, 9, 0, 0], { storeNow: storeOffset + 600 + stepMs })
      assert.deepEqual(instance.dropped, ['all'])
    })
  }

  test('steps of the store’s clock that are too small to be seen add up', () => {
    const instance = viewAt([0, 9, 0, 0])
    instance.poll(300, [0, 9, 0, 0], { storeNow: storeOffset + 300 + 1_000 })
    assert.deepEqual(instance.dropped, [])
    instance.poll(600, [0, 9, 0, 0], { storeNow: storeOffset + 600 + 2_000 })
    assert.deepEqual(instance.dropped, ['all'])
  })

  test('an answer that took its time is no step of the store’s clock, nor is one in whole seconds', () => {
    const instance = viewAt([0, 9, 0, 0])
    instance.poll(300, [0, 9, 0, 0], { storeNow: storeOffset + 300 + D / 3 })
    instance.poll(600, [0, 9, 0, 0], { storeNow: storeOffset + 600 - 999 })
    instance.poll(900, [0, 9, 0, 0], { storeNow: storeOffset + 900 + D / 3 })
    assert.deepEqual(instance.dropped, [])
  })
})

describe('push', () => {
  test('that continues what is known drops exactly its keys', () => {
    const instance = viewAt([0, 3, 0, 0])
    instance.coherence.applyPush(bump(3, 4, ['a', 'b']))
    assert.deepEqual(instance.dropped, ['a', 'b'])
    assert.equal(instance.coherence.mark(1).stamp, 4)
    assert.equal(allows(instance, entry(3, 0), 1), true)
    assert.equal(instance.coherence.pushGaps, 0)
  })

  test('that leaves a gap raises the floor as well', () => {
    const instance = viewAt([0, 3, 0, 0])
    instance.coherence.applyPush(bump(8, 9, ['a']))
    assert.deepEqual(instance.dropped, ['a'])
    assert.equal(allows(instance, entry(8, 0), 1), false)
    assert.equal(allows(instance, entry(9, 0), 1), true)
    assert.equal(instance.coherence.pushGaps, 1)
  })

  test('that overlaps what is known raises the floor as well', () => {
    const instance = viewAt([0, 3, 0, 0])
    instance.coherence.applyPush(bump(2, 9, ['a']))
    assert.equal(allows(instance, entry(3, 0), 1), false)
  })

  test('with too many keys to name raises the floor', () => {
    const instance = viewAt([0, 3, 0, 0])
    instance.coherence.applyPush(bump(3, 4, '*'))
    assert.equal(allows(instance, entry(3, 0), 1), false)
    assert.equal(instance.coherence.pushGaps, 0)
  })

  test('with too many keys to name drops the bucket: nobody joins a read of it that is under way', () => {
    const instance = viewAt([0, 3, 0, 0])
    instance.coherence.applyPush(bump(3, 4, '*'))
    assert.deepEqual(instance.dropped, ['bucket 1'])
  })

  for (const [what, made] of [
    ['a number known before', bump(2, 3, ['a'])],
    ['a lower number', bump(1, 2, ['a'])],
    ['a lower number and too many keys to name', bump(1, 2, '*')],
    ['no number', bump(3, Number.NaN, ['a'])],
    ['a bucket there is none of', bump(0, 9, ['a'], buckets)],
  ] as const) {
    test(`with ${what} is ignored`, () => {
      const instance = viewAt([0, 3, 0, 0])
      instance.coherence.applyPush(made)
      assert.deepEqual(instance.dropped, [])
      assert.deepEqual(instance.coherence.known(), [0, 3, 0, 0])
    })
  }

  test('that comes twice works once', () => {
    const instance = viewAt([0, 3, 0, 0])
    instance.coherence.applyPush(bump(3, 4, ['a']))
    instance.coherence.applyPush(bump(3, 4, ['a']))
    assert.deepEqual(instance.dropped, ['a'])
  })

  test('of another incarnation is ignored, but for being counted', () => {
    const instance = viewAt([0, 3, 0, 0])
    const mark = instance.coherence.mark(1)
    for (const made of [bump(3, 4, ['a']), bump(8, 9, '*')])
      instance.coherence.applyPush({ ...made, incarnation: 'store 2' })
    assert.deepEqual([instance.dropped, instance.coherence.known()], [[], [0, 3, 0, 0]])
    assert.equal(instance.coherence.stillAt(1, mark), true)
    assert.deepEqual([instance.coherence.pushes, instance.coherence.pushGaps], [2, 0])
  })

  test('before the first poll is ignored: nobody knows whose it is', () => {
    const instance = view()
    instance.coherence.applyPush(bump(0, 1, ['a']))
    assert.deepEqual(instance.coherence.known(), [0, 0, 0, 0])
  })

  test('never renews the lease', () => {
    const instance = viewAt([0, 3, 0, 0])
    instance.coherence.applyPush(bump(3, 4, ['a']))
    assert.equal(instance.coherence.holdsLease(D, D), false)
  })
})

test('a bump of our own drops its keys, also if a later one of somebody else was known before it', () => {
  for (const [keys, dropped] of [
    [['a'], ['a']],
    ['*', ['bucket 1']],
  ] as const) {
    const instance = viewAt([0, 3, 0, 0])
    const mark = instance.coherence.mark(1)
    instance.coherence.applyPush(bump(4, 5, ['another']))
    instance.dropped.length = 0
    instance.coherence.applyOwn({ incarnation: 'store 1', bucket: 1, prev: 3, n: 4, keys }, mark)
    assert.deepEqual(instance.dropped, dropped)
    assert.equal(instance.coherence.mark(1).stamp, 5)
  }
})

describe('a bump of our own, made at a store that is another since', () => {
  test('does not count at the present one, but its keys are dropped', () => {
    const instance = viewAt([0, 3, 0, 0])
    const mark = instance.coherence.mark(1)
    instance.poll(1, [0, 3, 0, 0], { incarnation: 'store 2' })
    instance.dropped.length = 0
    instance.coherence.applyOwn(bump(3, 900, ['a']), mark)
    assert.deepEqual(instance.dropped, ['a'])
    assert.equal(instance.coherence.mark(1).stamp, 3)
  })

  test('with too many keys to name drops the bucket', () => {
    const instance = viewAt([0, 3, 0, 0])
    const mark = instance.coherence.mark(1)
    instance.poll(1, [0, 3, 0, 0], { incarnation: 'store 2' })
    instance.dropped.length = 0
    instance.coherence.applyOwn(bump(3, 900, '*'), mark)
    assert.deepEqual(instance.dropped, ['bucket 1'])
  })
})

describe('a bump of our own, made at a store that is not the known one', () => {
  const foreign = (prev: number, n: number, keys: string[] | '*'): Bump => ({
    ...bump(prev, n, keys),
    incarnation: 'store 2',
  })

  test('drops its keys', () => {
    const instance = viewAt([0, 3, 0, 0])
    instance.coherence.applyOwn(foreign(3, 4, ['a', 'b']), instance.coherence.mark(1))
    assert.deepEqual(instance.dropped, ['a', 'b'])
  })

  test('with too many keys to name drops the bucket', () => {
    const instance = viewAt([0, 3, 0, 0])
    instance.coherence.applyOwn(foreign(3, 4, '*'), instance.coherence.mark(1))
    assert.deepEqual(instance.dropped, ['bucket 1'])
  })

  for (const [what, made] of [
    ['one that would continue what is known', foreign(3, 4, ['a'])],
    ['a much higher one', foreign(800, 900, ['a'])],
    ['a lower one', foreign(0, 1, ['a'])],
    ['one of too many keys to name', foreign(800, 900, '*')],
  ] as const) {
    test(`moves neither epoch nor floor: ${what}`, () => {
      const instance = viewAt([0, 3, 0, 0])
      instance.coherence.applyOwn(made, instance.coherence.mark(1))
      assert.deepEqual(instance.coherence.known(), [0, 3, 0, 0])
      assert.equal(allows(instance, entry(3, 0), 1), true)
    })

    test(`voids what is under way, its own outcome included: ${what}`, () => {
      const { coherence } = viewAt([0, 3, 0, 0])
      const [mark, elsewhere] = [coherence.mark(1), coherence.mark(2)]
      coherence.applyOwn(made, mark)
      assert.deepEqual(
        [coherence.stillAt(1, mark), coherence.stillAt(1, mark, made), coherence.stillAt(2, elsewhere)],
        [false, false, false],
      )
    })
  }

  test('hides no later change of the known one', () => {
    const instance = viewAt([0, 3, 0, 0])
    instance.coherence.applyOwn(foreign(3, 900, ['a']), instance.coherence.mark(1))
    instance.poll(1, [0, 4, 0, 0])
    assert.equal(allows(instance, entry(3, 0), 2), false)
  })

  test('before the first poll does the same: nobody knows whose it is', () => {
    const instance = view()
    const mark = instance.coherence.mark(1)
    instance.coherence.applyOwn(bump(0, 4, ['a']), mark)
    assert.deepEqual([instance.dropped, instance.coherence.known()], [['a'], [0, 0, 0, 0]])
    assert.equal(instance.coherence.stillAt(1, mark), false)
  })

  test('lets be kept what is sent after it', () => {
    const { coherence } = viewAt([0, 3, 0, 0])
    coherence.applyOwn(foreign(3, 4, ['a']), coherence.mark(1))
    assert.equal(coherence.stillAt(1, coherence.mark(1)), true)
  })
})

test('a bump of our own, sent before the store was restored, voids what was sent since: that may have been done before it', () => {
  const instance = viewAt([0, 3, 0, 0])
  const mark = instance.coherence.mark(1)
  instance.poll(1, [0, 2, 0, 0])
  const since = instance.coherence.mark(1)
  instance.coherence.applyOwn(bump(2, 4, ['a']), mark)
  assert.equal(instance.coherence.stillAt(1, since), false)
  assert.equal(instance.coherence.mark(1).stamp, 2)
})

test('a poll is not explained by bumps of another store', () => {
  const instance = viewAt([0, 3, 0, 0])
  instance.poll(1, [0, 4, 0, 0], { recent: [{ ...bump(3, 4, ['a']), incarnation: 'store 2' }] })
  assert.deepEqual(instance.dropped, [])
  assert.equal(allows(instance, entry(3, 0), 2), false)
})

test('however pushes are lost, doubled and reordered: what was read before the last bump of its key is never allowed', () => {
  const keys = ['a', 'b', 'c'] as const
  const made = fc.array(fc.subarray([...keys], { minLength: 1 }), { minLength: 1, maxLength: 8, size: 'max' })
  const arrivals = fc.array(fc.nat({ max: 20 }), { maxLength: 20, size: 'max' })
  const pollsAfter = fc.array(fc.nat({ max: 20 }), { maxLength: 3 })
  fc.assert(
    fc.property(made, arrivals, pollsAfter, fc.nat({ max: 3 }), (units, order, polls, remembered) => {
      const bumps = units.map((names, i) => bump(i, i + 1, [...names]))
      const held = new Map<string, CacheEntry<string>>(keys.map((key) => [key, entry(0, 0)]))
      const coherence = new Coherence(
        buckets,
        { maxStalenessMs: D, graceMs: 0, writeTimeoutMs: 1_000 },
        {
          drop: (key) => void held.delete(key),
          dropBucket: () => held.clear(),
          dropAll: () => {},
          violated: () => {},
        },
      )
      const poll = (): void => {
        const recent = bumps.slice(bumps.length - remembered)
        const numbers = [0, bumps.length, 0, 0]
        const reply = { incarnation: 'store 1', maxStalenessMs: D, numbers, recent, storeNow: 0 }
        coherence.applyPoll(reply, coherence.known(), instant(0))
      }
      coherence.applyPoll(
        { incarnation: 'store 1', maxStalenessMs: D, numbers: [0, 0, 0, 0], recent: [], storeNow: 0 },
        coherence.known(),
        instant(0),
      )
      order.forEach((which, i) => {
        if (polls.includes(i)) poll()
        const pushed = bumps[which % bumps.length]!
        coherence.applyPush(pushed)
        for (const key of pushed.keys) {
          const stale = held.get(key)
          assert.ok(stale === undefined || !coherence.allows(stale, 1, 1), `${key} after a push that names it`)
        }
      })
      poll()
      for (const key of units.flat()) {
        const stale = held.get(key)
        assert.ok(stale === undefined || !coherence.allows(stale, 1, 1), `${key} after the poll`)
      }
    }),
    { numRuns: 2_000 },
  )
})

describe('how stale any instance may be', () => {
  test('is known from the poll, and the greatest that was ever seen counts', () => {
    const instance = viewAt([0, 0, 0, 0])
    instance.poll(1, [0, 0, 0, 0], { maxStalenessMs: 20 * D })
    instance.poll(2, [0, 0, 0, 0], { maxStalenessMs: D })
    assert.equal(instance.coherence.greatestStalenessMs, 20 * D)
  })

  test('must be known to the store: one that forgot our own bound renews no lease until it is told again', () => {
    const instance = viewAt([0, 0, 0, 0])
    assert.equal(instance.coherence.isBoundKnown, true)
    instance.poll(D / 2, [0, 0, 0, 0], { maxStalenessMs: D - 1 })
    assert.equal(instance.coherence.isBoundKnown, false)
    assert.equal(instance.coherence.holdsLease(D, D), false)
    instance.poll(D, [0, 0, 0, 0])
    assert.equal(instance.coherence.holdsLease(D, D), true)
  })
})

describe('a grace while the store does not answer', () => {
  const allowsStale = ({ coherence }: View, held: CacheEntry<string>, at: number | Instant): boolean => {
    const { monotonic, wall } = instant(at)
    return coherence.allowsStale(held, monotonic, wall)
  }

  test('begins when the lease ends and is as long as was said', () => {
    const instance = view(5 * D)
    instance.poll(0, [0, 3, 0, 0])
    assert.equal(allows(instance, entry(3, 0), D), false)
    assert.equal(allowsStale(instance, entry(3, 0), 6 * D - 1), true)
    assert.equal(allowsStale(instance, entry(3, 0), 6 * D), false)
  })

  test('is counted by both clocks', () => {
    const instance = view(5 * D)
    instance.poll(0, [0, 3, 0, 0])
    assert.equal(allowsStale(instance, entry(3, 0), { monotonic: D, wall: 6 * D }), false)
  })

  test('is none by default, not even within the lease', () => {
    assert.equal(allowsStale(viewAt([0, 3, 0, 0]), entry(3, 0), 1), false)
  })

  test('does not cover what is known to be old', () => {
    const instance = view(5 * D)
    instance.poll(0, [0, 3, 0, 0])
    instance.poll(1, [0, 9, 0, 0])
    assert.equal(allowsStale(instance, entry(3, 0), 2), false)
  })

  test('is part of how stale any instance may be', () => {
    assert.equal(view(5 * D).coherence.greatestStalenessMs, 6 * D)
  })
})

describe('a store that breaks its word is caught', () => {
  const told = storeOffset

  test('when it has forgotten a number', () => {
    const instance = viewAt([0, told + 3, 0, 0])
    instance.poll(1, [0, told + 2, 0, 0])
    assert.deepEqual(instance.violations, ['bucket 1: forgotten'])
  })

  test('when it tells of a change that the poll before should have told of', () => {
    const instance = viewAt([0, 0, 0, 0])
    instance.poll(10 * D, [0, 0, 0, 0])
    instance.poll(10 * D + 1, [0, told + 7 * D, 0, 0])
    assert.deepEqual(instance.violations, ['bucket 1: late'])
  })

  test('but not when a change is merely new', () => {
    const instance = viewAt([0, 0, 0, 0])
    instance.poll(10 * D, [0, 0, 0, 0])
    instance.poll(10 * D + 300, [0, told + 10 * D + 200, 0, 0])
    assert.deepEqual(instance.violations, [])
  })

  test('nor when a write took its time', () => {
    const instance = viewAt([0, 0, 0, 0])
    instance.poll(10 * D, [0, 0, 0, 0])
    instance.poll(10 * D + 300, [0, told + 9 * D, 0, 0])
    assert.deepEqual(instance.violations, [])
  })

  test('nor when it is another store', () => {
    const instance = viewAt([0, told + 3, 0, 0])
    instance.poll(1, [0, 0, 0, 0], { incarnation: 'store 2' })
    assert.deepEqual(instance.violations, [])
  })
})
