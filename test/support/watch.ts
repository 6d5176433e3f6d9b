/** What became of a promise so far, to be looked at without waiting for it. */
export interface Watched<T> {
  state: 'pending' | 'fulfilled' | 'rejected'
  value: T | undefined
  /** The code of the error, or its message if it has none. */
  error: string | undefined
}

export function watch<T>(promise: Promise<T>): Watched<T> {
  const watched: Watched<T> = { state: 'pending', value: undefined, error: undefined }
  promise.then(
    (value) => Object.assign(watched, { state: 'fulfilled', value }),
    (error: { code?: string; message: string }) =>
      Object.assign(watched, { state: 'rejected', error: error.code ?? error.message }),
  )
  return watched
}
