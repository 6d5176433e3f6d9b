import { ConfigError } from '../../shared/errors.ts'

/** The package a store cannot do without, and the option that asks for it. */
export interface WantedDriver {
  store: string
  option: string
  name: string
  /** What the message says before the command that installs it. Default: `needs the driver`. */
  need?: string
}

/** Loads a driver when it is first needed. Throws `ConfigError`: with what to install, or with what is wrong with it. */
export async function loaded<Module>(wanted: WantedDriver, load: () => Promise<Module>): Promise<Module> {
  const { store, option, name, need = 'needs the driver' } = wanted
  try {
    return await load()
  } catch (cause) {
    const message = isMissing(name, cause)
      ? `${need}: npm install ${name}`
      : `the driver ${name} is installed, but cannot be loaded; install it anew`
    throw Object.assign(new ConfigError(store, [{ path: option, message }]), { cause })
  }
}

/** A package that the driver needs may be missing too: that one it would not help to install. */
function isMissing(name: string, error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_MODULE_NOT_FOUND') return false
  return error.message.includes(`'${name}'`)
}
