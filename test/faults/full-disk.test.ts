import { describe, it } from 'node:test'
import { onSmallDisk, whyNoSmallDisk } from '../support/small-disk.ts'
import { whyNotTested } from '../support/servers/why-not-tested.ts'

const goesOn = 'writes are refused in time with the reason, reads go on; with room again all is well and nothing lost'
const ends = 'operations are refused in time; with room again and the server started again nothing is lost'

const why = whyNoSmallDisk()
if (why !== false) console.log(`no disk was filled: ${why}`)

describe('a server whose disk is full', { skip: why, concurrency: 2 }, () => {
  for (const [trial, kind, size, says] of [
    ['postgres', 'postgres', '96m', goesOn],
    ['postgres-log', 'postgres', '96m', `its log has no room, so that it ends: ${ends}`],
    ['mariadb', 'mariadb', '160m', goesOn],
    ['redis', 'redis', '8m', goesOn],
    ['redis-always', 'redis', '8m', `appendfsync always, so that it ends: ${ends}`],
  ] as const) {
    it(`${kind}, ${says}`, { skip: whyNotTested(kind, 'own') }, async (t) => {
      t.diagnostic(await onSmallDisk(size, '../faults/full-disk.ts', trial))
    })
  }
})
