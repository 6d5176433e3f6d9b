import { notice } from './done.ts'
import { clockTime, count, duration } from './format.ts'
import { html } from './html.ts'
import type { Session, SessionInfo } from 'sallyport'
import type { DemoData } from '../app/auth.ts'
import type { Done } from './done.ts'
import type { Html } from './html.ts'

export interface Neighbour {
  name: string
  url: string
}

/** The top of the page for someone who is signed in. */
export function greeting({ claims }: Session<DemoData>, here: string, peer: Neighbour): Html {
  return html`<div>
    <h1>Hello, ${claims.name ?? claims.sub}.</h1>
    <p class="intro">
      You are signed in on ${here}, so you are on ${peer.name}: <a href="${peer.url}/">look there</a>.
    </p>
  </div>`
}

/** All sessions of the reader, wherever they are, and the ways out. */
export function sessionsCard(
  session: Session<DemoData>,
  sessions: readonly SessionInfo[],
  done: Done | undefined,
): Html {
  const others = sessions.filter(({ id }) => id !== session.id)
  return html`<section class="card" id="sessions">
    <h2>Your sessions</h2>
    ${notice(done, 'ended', 'gone')}
    <ul class="sessions">
      <li>
        <div>
          <p><b>${session.device ?? 'A browser'}</b> <em>this one</em></p>
          <p class="quiet">since ${clockTime(session.createdAt)}</p>
        </div>
        <form method="post" action="/auth/logout"><button class="quiet">Sign out here</button></form>
      </li>
      ${others.map(elsewhere)}
    </ul>
    ${
      others.length === 0 &&
      html`<p class="quiet">Your only one. Sign in from a private window, and it will be listed here, too.</p>`
    }
    <form method="post" action="/sessions/end-all" class="wide">
      <button class="danger">Sign out everywhere</button>
    </form>
  </section>`
}

function elsewhere({ id, device, createdAt, lastSeenAt }: SessionInfo): Html {
  return html`<li>
    <div>
      <p><b>${device ?? 'A browser'}</b></p>
      <p class="quiet">since ${clockTime(createdAt)}, last seen ${clockTime(lastSeenAt)}</p>
    </div>
    <form method="post" action="/sessions/end">
      <input type="hidden" name="id" value="${id}" />
      <button class="quiet">Sign out there</button>
    </form>
  </li>`
}

/** When the session and its access token end. */
export function lifeCard(session: Session<DemoData>, done: Done | undefined): Html {
  const { createdAt, idleExpiresAt, absoluteExpiresAt, accessTokenExpiresAt, refreshCount } = session
  return html`<section class="card" id="life">
    <h2>This session’s life</h2>
    ${notice(done, 'token', 'refreshed')}
    <dl>
      ${row('Signed in', html`<time datetime="${new Date(createdAt).toISOString()}">${clockTime(createdAt)}</time>`)}
      ${row('Ends if unused', until(idleExpiresAt))} ${row('Ends in any case', until(absoluteExpiresAt))}
      ${row('Access token expires', accessTokenExpiresAt === undefined ? 'not known' : until(accessTokenExpiresAt))}
      ${row('Refreshes so far', count(refreshCount))}
    </dl>
    <form method="post" action="/tokens" class="wide">
      <input type="hidden" name="refreshes" value="${refreshCount}" />
      <button class="quiet">Use the access token</button>
    </form>
  </section>`
}

/** What the application itself keeps in the session. */
export function dataCard({ data }: Session<DemoData>, peer: Neighbour): Html {
  return html`<section class="card" id="data">
    <h2>Your own data in it</h2>
    <p class="counter">
      <output>${count(data.count)}</output> ${data.countedOn && html`counted last on ${data.countedOn}`}
    </p>
    <p class="quiet">Whichever instance counts, the other one shows it on your very next request.</p>
    <form method="post" action="/count" class="row">
      <button class="quiet">Count</button>
      <button class="quiet" name="then" value="look">Count, then look on ${peer.name}</button>
    </form>
  </section>`
}

export function claimsCard({ claims }: Session<DemoData>): Html {
  const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
  return html`<section class="card" id="claims">
    <h2>Who the provider says you are</h2>
    <dl class="claims">${Object.entries(claims).map(([claim, value]) => row(claim, text(value)))}</dl>
    <p class="quiet">The same for programs: <a href="/api/me">/api/me</a></p>
  </section>`
}

function row(term: string, value: Html | string): Html {
  return html`<div>
    <dt>${term}</dt>
    <dd>${value}</dd>
  </div>`
}

/** The script in the page counts it down. */
function until(at: number): Html {
  const left = at - Date.now()
  const text = left > 0 ? `in ${duration(left)}` : 'over'
  return html`<time datetime="${new Date(at).toISOString()}" title="${clockTime(at)}" data-until="${at}">${text}</time>`
}
