import { SallyportError } from '../shared/errors.ts'

/** The provider answered with an OAuth error (RFC 6749 §4.1.2.1, §5.2), e.g. because the user cancelled. */
export class ProviderRefusedError extends SallyportError {
  /** The provider's `error` code, e.g. `access_denied`; its free texts are never taken over. */
  readonly providerCode: string

  constructor(error: string) {
    const providerCode = codePattern.test(error) ? error : 'unrecognized_error'
    super('ERR_PROVIDER_REFUSED', `the provider refused: ${providerCode}`)
    this.name = 'ProviderRefusedError'
    this.providerCode = providerCode
  }
}

/** Within what RFC 6749 §5.2 allows, without the characters that mean something in HTML or a log. */
const codePattern = /^[\w.:/-]{1,100}$/
