import { isSallyportError } from 'sallyport'
import { html } from '../pages/html.ts'
import type { ErrorRequestHandler, RequestHandler } from 'express'
import type { Html } from '../pages/html.ts'
import type { SendPage } from './send-page.ts'

export function nothingHere(send: SendPage): RequestHandler {
  return (_req, res) => send(res, problem(404, 'Nothing here', 'There is no such page.'))
}

/** What is left when a route failed: a sentence for the reader, and the rest for the terminal. */
export function failed(send: SendPage): ErrorRequestHandler {
  return (error: unknown, _req, res, next) => {
    if (res.headersSent) return next(error)
    if (isSallyportError(error)) return send(res, problem(error.status, 'Not now', `sallyport says: ${error.message}.`))
    console.error(error)
    return send(res, problem(500, 'That did not work', 'Why, is told in the terminal the demo was started in.'))
  }
}

function problem(status: number, title: string, sentence: string): { status: number; title: string; top: Html } {
  const top = html`<div>
    <h1>${title}</h1>
    <p class="intro">${sentence}</p>
    <p><a class="button" href="/">Back to the start</a></p>
  </div>`
  return { status, title: `${title} · sallyport`, top }
}
