import { SallyportError } from '../shared/errors.ts'

export function sessionEnded(): SallyportError {
  return new SallyportError('ERR_SESSION_ENDED', 'this session has ended')
}

export function loginRequired(): SallyportError {
  return new SallyportError('ERR_LOGIN_REQUIRED', 'the access token expired and only a new sign-in brings another')
}

export function changedTooOften(): SallyportError {
  return new SallyportError(
    'ERR_SESSION_CONFLICT',
    'this session could not be written: others kept changing it, or its record cannot be read',
  )
}
