import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadDriver } from './connection.ts'
import { connect, disconnect } from './connections.ts'

test('removals reach the disk before they return, other writes need not, and the poll cannot write', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-connections-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'a.db')
  const connections = connect(await loadDriver(), path, (main) => main.exec('CREATE TABLE t (x)'))
  const { main, durable, poll } = connections
  const [normal, full] = [1, 2]
  assert.deepEqual({ ...(main.all('PRAGMA synchronous')[0] as object) }, { synchronous: normal })
  assert.deepEqual({ ...(durable.all('PRAGMA synchronous')[0] as object) }, { synchronous: full })
  assert.throws(() => poll.run('INSERT INTO t VALUES (1)'), /readonly/)
  disconnect(connections, path)
})

test('a unit whose error is caught leaves no trace, and the next one works', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-connections-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'a.db')
  const connections = connect(await loadDriver(), path, (main) => main.exec('CREATE TABLE t (x)'))
  const { main } = connections
  assert.throws(() =>
    main.writing(() => {
      main.run('INSERT INTO t VALUES (1)')
      throw new Error('half way')
    }),
  )
  main.writing(() => main.run('INSERT INTO t VALUES (2)'))
  assert.deepEqual(
    main.all<{ x: number }>('SELECT x FROM t').map((row) => row.x),
    [2],
  )
  disconnect(connections, path)
})
