import { anotherStore } from './another-store.ts'
import { check, type Verdict } from './checker.ts'
import { oneReader } from './one-reader.ts'
import { overlappingReads } from './overlapping-reads.ts'
import { ownWrites } from './own-writes.ts'
import { refreshLease } from './refresh-lease.ts'
import type { Rules } from './rules.ts'
import { strictRevoke } from './strict-revoke.ts'
import { twoClocks } from './two-clocks.ts'
import { twoReaders } from './two-readers.ts'

/** Every model, ready to be checked under rules. */
export const models = {
  'one reader': (rules: Rules): Verdict => check(oneReader(rules)),
  'two readers': (rules: Rules): Verdict => check(twoReaders(rules)),
  'overlapping reads': (rules: Rules): Verdict => check(overlappingReads(rules)),
  'own writes': (rules: Rules): Verdict => check(ownWrites(rules)),
  'another store, touch': (rules: Rules): Verdict => check(anotherStore(rules, 'touch')),
  'another store, update': (rules: Rules): Verdict => check(anotherStore(rules, 'update')),
  'another store, removal': (rules: Rules): Verdict => check(anotherStore(rules, 'removal')),
  'another store, removal beside a refresh': (rules: Rules): Verdict =>
    check(anotherStore(rules, 'removal beside a refresh')),
  'another store, another key': (rules: Rules): Verdict => check(anotherStore(rules, 'another key')),
  'two clocks': (rules: Rules): Verdict => check(twoClocks(rules)),
  'strict revoke': (rules: Rules): Verdict => check(strictRevoke(rules)),
  'refresh lease': (rules: Rules): Verdict => check(refreshLease(rules)),
}

export type ModelName = keyof typeof models
