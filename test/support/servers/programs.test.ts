import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { postgresFolders, programsIn } from './programs.ts'
import { programsOfSystem, programsOfTree } from './tree.ts'

/** A file tree with these executable files. */
async function treeOf(t: TestContext, ...files: readonly string[]): Promise<string> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-tree-')))
  t.after(() => rm(root, { recursive: true, force: true }))
  for (const file of files) {
    await mkdir(dirname(join(root, file)), { recursive: true })
    await writeFile(join(root, file), '')
    await chmod(join(root, file), 0o755)
  }
  return root
}

describe('the programs of a server', () => {
  it('are those of the first folder that has one that may be run', async (t) => {
    const root = await treeOf(t, 'a/redis-server', 'b/redis-server', 'c/redis-server')
    await chmod(join(root, 'a/redis-server'), 0o644)
    const folders = ['none', 'a', 'b', 'c'].map((name) => join(root, name))
    assert.deepEqual(programsIn(folders, 'redis')?.server, [join(root, 'b/redis-server')])
    assert.equal(programsIn(folders, 'valkey'), undefined)
  })

  it('of PostgreSQL are beside where a link leads, initdb among them', async (t) => {
    const root = await treeOf(t, 'lib/15/bin/postgres', 'lib/15/bin/initdb', 'no-initdb/postgres')
    await mkdir(join(root, 'bin'))
    await symlink(join(root, 'lib/15/bin/postgres'), join(root, 'bin/postgres'))
    assert.deepEqual(programsIn([join(root, 'no-initdb'), join(root, 'bin')], 'postgres'), {
      server: [join(root, 'lib/15/bin/postgres')],
      initdb: [join(root, 'lib/15/bin/initdb')],
      home: join(root, 'lib/15'),
    })
  })

  it('of PostgreSQL are the newest where Debian has several', async (t) => {
    const versions = ['9', '15', '18']
    const root = await treeOf(t, ...versions.map((version) => `usr/lib/postgresql/${version}/bin/postgres`))
    assert.deepEqual(
      postgresFolders(root),
      versions.reverse().map((version) => join(root, `usr/lib/postgresql/${version}/bin`)),
    )
  })

  it('in an unpacked tree get the libraries of it', async (t) => {
    const root = await treeOf(t, 'usr/bin/redis-server', 'usr/lib/x86_64-linux-gnu/liblzf.so.1')
    const found = programsOfTree(root, 'redis')
    assert.deepEqual(found?.server, [join(root, 'usr/bin/redis-server')])
    assert.ok(found?.env.LD_LIBRARY_PATH?.split(':').includes(join(root, 'usr/lib/x86_64-linux-gnu')))
  })

  it('of another system are started by its own loader', async (t) => {
    const root = await treeOf(t, 'usr/sbin/mysqld', 'usr/lib/x86_64-linux-gnu/libc.so.6')
    assert.equal(programsOfSystem(root, 'mysql'), undefined)
    const whole = await treeOf(t, 'usr/sbin/mysqld', 'usr/lib64/ld-linux-x86-64.so.2')
    const [loader, option, libraries, program] = programsOfSystem(whole, 'mysql')!.server
    assert.deepEqual([loader, option], [join(whole, 'usr/lib64/ld-linux-x86-64.so.2'), '--library-path'])
    assert.equal(libraries?.split(':').includes(join(whole, 'usr/lib64')), true)
    assert.equal(program, join(whole, 'usr/sbin/mysqld'))
  })
})
