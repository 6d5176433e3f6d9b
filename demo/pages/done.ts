import { html } from './html.ts'
import type { Html } from './html.ts'

/** What the reader did last, as the address of the page tells: every form ends in a redirect to one. */
export type Done = 'token' | 'refreshed' | 'ended' | 'gone' | 'everywhere'

export const said: Record<Done, string> = {
  token: 'Still valid: the provider was not asked.',
  refreshed: 'Refreshed: the provider gave a new one, once for all who asked.',
  ended: 'That session has ended.',
  gone: 'That session was over already.',
  everywhere: 'Signed out everywhere.',
}

export function doneFrom(value: unknown): Done | undefined {
  return typeof value === 'string' && Object.hasOwn(said, value) ? (value as Done) : undefined
}

/** The notice, where it is one of these that was done. */
export function notice(done: Done | undefined, ...here: Done[]): Html | undefined {
  return done !== undefined && here.includes(done) ? html`<p class="notice" role="status">${said[done]}</p>` : undefined
}
