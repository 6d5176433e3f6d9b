import { randomBytes } from 'node:crypto'
import { page } from '../pages/page.ts'
import type { Response } from 'express'
import type { Measurements } from '../measure/measurements.ts'
import type { Html } from '../pages/html.ts'
import type { InstanceSettings } from './instance.ts'

export interface Content {
  title: string
  top: Html
  columns?: readonly (readonly Html[])[]
  /** Whether the reader is signed in. Default `false`. */
  signedIn?: boolean
  /** Default 200. */
  status?: number
}

export type SendPage = (res: Response, content: Content) => Promise<void>

/** Sends a page that may load nothing from anywhere, and post only to those who take part in the demo. */
export function pageSender({ peerUrl, issuer }: InstanceSettings, { instances }: Measurements): SendPage {
  return async (res, { status = 200, signedIn = false, ...content }) => {
    const nonce = randomBytes(16).toString('base64')
    res.status(status).set({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy':
        `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'; img-src data:; ` +
        // A form may end in a redirect: to the provider when signing in or out, to the other instance to look there.
        `form-action 'self' ${issuer} ${peerUrl}; base-uri 'none'; frame-ancestors 'none'`,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
    })
    res.send(page({ ...content, nonce, signedIn, instances: await instances() }))
  }
}
