import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { cached, cacheFolder } from './cache.ts'
import { serverUser } from './server-user.ts'

async function newFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-cache-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

describe('the cache of unpacked servers', () => {
  it('is filled once, however many ask at the same time', async (t) => {
    const folder = await newFolder(t)
    let fillings = 0
    const fill = async (draft: string): Promise<void> => {
      fillings += 1
      await writeFile(join(draft, 'program'), 'whole')
    }
    const homes = await Promise.all([1, 2, 3].map(() => cached('redis', fill, folder)))
    assert.equal(fillings, 1)
    assert.deepEqual(new Set(homes), new Set([join(folder, 'redis')]))
    assert.equal(await readFile(join(folder, 'redis/program'), 'utf8'), 'whole')
    await cached('redis', fill, folder)
    assert.equal(fillings, 1)
  })

  it('has nothing of a filling that failed, which is tried again', async (t) => {
    const folder = await newFolder(t)
    const fail = async (draft: string): Promise<void> => {
      await writeFile(join(draft, 'half'), '')
      throw new Error('no network')
    }
    await assert.rejects(cached('redis', fail, folder), /no network/)
    assert.deepEqual(await readdir(folder), [])
    assert.equal(await cached('redis', async () => {}, folder), join(folder, 'redis'))
  })

  it('is taken over from a process that ended while it filled', async (t) => {
    const folder = await newFolder(t)
    const { pid } = spawnSync(process.execPath, ['--version'])
    await writeFile(join(folder, 'redis.lock'), String(pid))
    assert.equal(await cached('redis', async () => {}, folder), join(folder, 'redis'))
    assert.deepEqual(await readdir(folder), ['redis'])
  })

  const skip = serverUser === undefined ? 'not root: servers run as whoever runs the tests' : false
  it('of root is elsewhere where those that servers run as cannot reach the checkout', { skip }, async (t) => {
    const folder = await newFolder(t)
    const inside = join(folder, 'home/project/.cache/servers')
    await mkdir(inside, { recursive: true })
    await chmod(folder, 0o755)
    assert.equal(cacheFolder(inside), inside)
    await chmod(join(folder, 'home'), 0o700)
    assert.equal(cacheFolder(inside), '/var/cache/sallyport-servers')
  })
})
