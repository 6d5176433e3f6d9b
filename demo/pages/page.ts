import { duration } from './format.ts'
import { html, trusted } from './html.ts'
import { liveView } from './live-view.ts'
import { style } from './style.ts'
import type { Instances } from '../measure/figures.ts'
import type { Html } from './html.ts'
import type { LiveView } from './live-view.ts'

export interface PageFrame {
  title: string
  /** Lets this page's own style and script pass its content security policy, and no other. */
  nonce: string
  signedIn: boolean
  instances: Instances
  /** Says hello. */
  top: Html
  /** Side by side where there is room. */
  columns?: readonly (readonly Html[])[]
}

/** The whole page: what concerns the reader, and between it what happens on both instances. */
export function page({ title, nonce, signedIn, instances, top, columns }: PageFrame): string {
  const live = liveView(instances)
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <link rel="icon" href="data:image/svg+xml,${encodeURIComponent(icon)}" />
        <style nonce="${nonce}">
          ${trusted(style)}
        </style>
        ${live.signOut.endsWith('under way') && html`<noscript><meta http-equiv="refresh" content="2" /></noscript>`}
      </head>
      <body data-signed-in="${signedIn ? 'yes' : 'no'}" data-sign-out="${live.signOut}">
        <header>
          <a class="brand" href="/">${trusted(icon)}sallyport</a>
          <nav aria-label="Instances">${instances.map(instanceLink)}</nav>
        </header>
        <main>
          <div class="top">${top}</div>
          ${liveSection(live, instances, signedIn)}
          <div class="cards">${columns?.map((cards) => html`<div>${cards}</div>`)}</div>
        </main>
        <script nonce="${nonce}">
          ${trusted(script)}
        </script>
      </body>
    </html> `.text
}

function instanceLink({ name, url, here }: Instances[number]): Html {
  const { hostname, port } = new URL(url)
  return html`<a href="${url}/" ${here && trusted('aria-current="page"')}>
    <b>${name}</b> <span><span class="wide-only">${hostname}</span>:${port}</span>
  </a>`
}

function liveSection(live: LiveView, instances: Instances, signedIn: boolean): Html {
  return html`<section class="live" aria-label="Both instances, live">
    <div class="live-head">
      <h2>Who answers, and how fast</h2>
      ${
        signedIn &&
        html`<form method="post" action="/bursts">
          <button class="quiet">Ask both 1,000 times who you are</button>
        </form>`
      }
      <noscript>
        <p class="quiet">Without scripts these figures stand still: load the page again to see them move.</p>
      </noscript>
    </div>
    <div class="card" id="last-sign-out">
      <h2>The last sign-out</h2>
      <div id="sign-out" role="status">${live.parts['sign-out']}</div>
    </div>
    ${instances.map(
      ({ name, url, here }) =>
        html`<div class="card instance">
          <h2><span class="letter">${name}</span> ${new URL(url).host} ${here && html`<em>you are here</em>`}</h2>
          <div id="instance-${name}">${live.parts[`instance-${name}`]}</div>
        </div>`,
    )}
  </section>`
}

/** Two doors, one of them open. */
const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="24" height="24">' +
  '<rect x="1.5" y="2" width="21" height="20" rx="3" fill="#12664f"/>' +
  '<rect x="5" y="6" width="6" height="12.5" rx=".8" fill="#fff"/>' +
  '<path d="M13.5 6.3 19 8v9l-5.500 1.700z" fill="#8fe0bf"/></svg>'

/** The only script of the page: it shows what the server tells while the page is open. Without it, the page still works. */
const script = `
const duration = ${duration.toString()}
setInterval(() => {
  for (const time of document.querySelectorAll('[data-until]')) {
    const left = time.dataset.until - Date.now()
    time.textContent = left > 0 ? 'in ' + duration(left) : 'over'
  }
}, 1000)

const body = document.body.dataset
new EventSource('/live').onmessage = async ({ data }) => {
  const { signOut, parts } = JSON.parse(data)
  for (const [id, html] of Object.entries(parts)) document.getElementById(id).innerHTML = html
  if (signOut === body.signOut) return
  body.signOut = signOut
  if (body.signedIn === 'no') return
  // Somebody signed out. Was it this browser's session?
  const { status } = await fetch('/api/me')
  if (status === 401) location.reload()
}
`
