import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cached } from './cache.ts'
import { kinds } from './kinds.ts'
import { outputOf } from './output-of.ts'
import { programsOfSystem } from './tree.ts'
import type { FoundServer } from './find-server.ts'
import type { ServerKind } from './kinds.ts'

/** The files of the image that the makers of a server publish. Docker only hands them over: no container runs. */
export async function dockerPrograms(kind: ServerKind): Promise<FoundServer> {
  const { image } = kinds[kind]
  if (image === undefined) throw new Error(`there is no image of ${kind}`)
  const root = await cached(image.replaceAll(/[/:]/g, '-'), (draft) => unpack(image, draft))
  const programs = programsOfSystem(root, kind)
  if (programs === undefined) throw new Error(`the image ${image} has no ${kinds[kind].program}`)
  return { ...programs, from: `from the image ${image}` }
}

async function unpack(image: string, draft: string): Promise<void> {
  await outputOf('docker', ['version']).catch(() => {
    throw new Error('no Docker engine answers')
  })
  const container = (await outputOf('docker', ['create', image])).trim().split('\n').at(-1)!
  try {
    const files = spawn('docker', ['export', container], { stdio: ['ignore', 'pipe', 'ignore'] })
    const tar = spawn('tar', ['-x', '--no-same-owner', '--exclude=dev/*', '-f', '-', '-C', draft], {
      stdio: [files.stdout, 'ignore', 'ignore'],
    })
    const [status] = (await once(tar, 'close')) as [number | null]
    if (status !== 0) throw new Error(`tar could not unpack ${image}: status ${status}`)
  } finally {
    await outputOf('docker', ['rm', container])
  }
}
