import { SallyportError } from '../../shared/errors.ts'

/** The row of the meta table is gone: somebody deleted it. The next operation makes another. */
export class LostIdentity extends SallyportError {
  constructor(cause?: unknown) {
    super('ERR_STORE_MISMATCH', 'the row that identifies the store is missing from its meta table', { cause })
  }
}
