// Loaded before everything else by test-drivers.ts: whoever imports a driver gets the one installed in DRIVERS_FOLDER.
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const manifest = join(process.env['DRIVERS_FOLDER']!, 'package.json')
const { dependencies } = JSON.parse(readFileSync(manifest, 'utf8')) as { dependencies: Record<string, string> }

registerHooks({
  resolve(specifier, context, nextResolve) {
    const isDriver = Object.hasOwn(dependencies, specifier.split('/')[0]!)
    return nextResolve(specifier, isDriver ? { ...context, parentURL: pathToFileURL(manifest).href } : context)
  },
})
