import type { Store } from '../cache/store.ts'
import type { Logger } from '../shared/logger.ts'
import { integer, kindOf, rule, type Rules } from '../shared/options.ts'

/** How values are kept in the store. */
export interface SealingOptions {
  /**
   * `true` (default): sealed with a key made from the id in the cookie and the secret, so that store and secret together
   * open nothing. `'server'`: with a key made from the secret alone, so that who has both can read every session.
   * `false`: readable JSON, tokens included, and whoever can write the store can be anybody. Anything but `true` is
   * said in the log at start.
   */
  seal?: boolean | 'server'
  /** Values of more than this many bytes of JSON are deflated before they are sealed. 1 to 1,048,576; default: none is. */
  compressAboveBytes?: number
}

/** The same with every default filled in. */
export interface Sealing {
  readonly seal: boolean | 'server'
  readonly compressAboveBytes: number
}

export const sealingRules: Rules<SealingOptions> = {
  seal: rule((value) => {
    if (typeof value === 'boolean' || value === 'server') return undefined
    return `must be true, 'server' or false${typeof value === 'string' ? '' : `, not ${kindOf(value)}`}`
  }),
  compressAboveBytes: integer({ min: 1, max: 2 ** 20, unit: 'bytes' }),
}

/** Reports what is right in itself, but not together or not with this store; `report` is given the option's name. */
export function compareSealing(
  { seal = true, compressAboveBytes }: SealingOptions,
  store: Store | undefined,
  report: (name: keyof SealingOptions, message: string) => void,
): void {
  if (seal === false && compressAboveBytes !== undefined) {
    report('compressAboveBytes', 'goes with sealed values only: leave it out, or do not set `seal` to false')
  }
  if (seal !== false && store?.capabilities.values === 'json') {
    report(
      'seal',
      'must be false with a store that keeps JSON only (it then holds tokens readably); to seal, let the store keep bytes',
    )
  }
}

/** Fills in the defaults, and says in the log what is weaker than they are. */
export function settleSealing(options: SealingOptions, logger: Logger): Sealing {
  const { seal = true, compressAboveBytes = Infinity } = options
  if (seal === 'server') logger.warn({ seal }, 'whoever has the store and the secret can read every session')
  if (seal === false) logger.warn({ seal }, 'whoever reads the store has every token; who writes to it can be anybody')
  return { seal, compressAboveBytes }
}
