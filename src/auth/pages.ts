import { createHash } from 'node:crypto'
import type { AuthReply } from './http.ts'
import { html, setting } from './replies.ts'

/** A short page for people. Every text is escaped here. */
interface Page {
  status: number
  title: string
  text: string
  /** What to do next: a link, or a form that posts to us. */
  action?: { label: string; href: string } | { label: string; postTo: string }
  /** Printed small, so that a user can quote it. */
  reference?: string
  /** Goes there by itself, at once. */
  goTo?: string
  cookies?: readonly string[]
  headers?: AuthReply['headers']
}

/** The page as a reply: no script, nothing loaded, never framed. */
export function pageReply(page: Page): AuthReply {
  // `no-referrer` would turn the Origin of our own form into `null` (Fetch, "append a request Origin header").
  const referrerPolicy = page.action !== undefined && 'postTo' in page.action ? 'same-origin' : 'no-referrer'
  return html(page.status, render(page), [
    [
      'Content-Security-Policy',
      `default-src 'none'; style-src '${styleHash()}'; base-uri 'none'; frame-ancestors 'none'`,
    ],
    ['X-Frame-Options', 'DENY'],
    ['Referrer-Policy', referrerPolicy],
    ...(page.headers ?? []),
    ...setting(page.cookies ?? []),
  ])
}

function render({ title, text, action, reference, goTo }: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">${goTo === undefined ? '' : `\n<meta http-equiv="refresh" content="0; url=${escape(goTo)}">`}
<title>${escape(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escape(title)}</h1>
<p>${escape(text)}</p>${action === undefined ? '' : `\n${renderAction(action)}`}${
    reference === undefined ? '' : `\n<p class="reference">Reference <code>${escape(reference)}</code></p>`
  }
</main>
</body>
</html>
`
}

function renderAction(action: NonNullable<Page['action']>): string {
  const label = escape(action.label)
  if ('href' in action) return `<p><a class="action" href="${escape(action.href)}">${label}</a></p>`
  return `<form method="post" action="${escape(action.postTo)}"><button class="action">${label}</button></form>`
}

const style = `
:root { color-scheme: light dark; --ground: #f4f5f7; --card: #fff; --ink: #1c2330; --quiet: #667085; --accent: #2456d6; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #12151b; --card: #1c212a; --ink: #e8ebf0; --quiet: #98a1b0; --accent: #3b6ae0; }
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; place-items: center; padding: 1.25rem;
  background: var(--ground); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
main { width: 100%; max-width: 26rem; padding: 2rem; border-radius: 14px; background: var(--card);
  box-shadow: 0 1px 2px rgb(0 0 0 / .08), 0 12px 32px rgb(0 0 0 / .08); overflow-wrap: anywhere; }
h1 { margin: 0 0 .6rem; font-size: 1.35rem; line-height: 1.3; }
p { margin: 0 0 1.2rem; }
.action { display: inline-block; padding: .7rem 1.3rem; border: 0; border-radius: 9px; background: var(--accent);
  color: #fff; font: inherit; font-weight: 600; text-decoration: none; cursor: pointer; }
.action:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
.reference { margin: 1.2rem 0 0; font-size: .82rem; color: var(--quiet); }
`

let hashOfStyle: string | undefined

function styleHash(): string {
  hashOfStyle ??= `sha256-${createHash('sha256').update(style).digest('base64')}`
  return hashOfStyle
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]!)
}
