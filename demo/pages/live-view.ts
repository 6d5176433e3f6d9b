import type { AnswerSource } from 'sallyport'
import { boundMs } from '../app/auth.ts'
import { clockTime, count, latency, ratio } from './format.ts'
import { html } from './html.ts'
import type { Figures, Instances, RecentAnswer } from '../measure/figures.ts'
import type { SignOut } from '../measure/sign-out.ts'
import type { Html } from './html.ts'

/** The part of the page that moves. */
export interface LiveView {
  /** By the id of the element they are in. */
  parts: Record<string, Html>
  /** Changes when a sign-out was seen, which may have been the reader's. */
  signOut: string
}

const sources: readonly { source: AnswerSource; name: string; meaning: string }[] = [
  { source: 'l1', name: 'Memory', meaning: 'L1' },
  { source: 'l2', name: 'Store', meaning: 'L2' },
  { source: 'joined', name: 'Joined', meaning: 'another’s read' },
  { source: 'refused', name: 'Nobody', meaning: 'refused' },
]

export function liveView(instances: Instances): LiveView {
  const last = instances
    .flatMap(({ figures }) => figures?.signOut ?? [])
    .toSorted((a, b) => a.at - b.at)
    .at(-1)
  const parts: Record<string, Html> = { 'sign-out': signOutPart(last) }
  for (const { name, figures } of instances) parts[`instance-${name}`] = figures ? instancePart(figures) : silentPart
  return { parts, signOut: last ? `${last.id} ${last.state}` : '' }
}

const silentPart = html`<p class="quiet">It does not answer at the moment.</p>`

function signOutPart(last: SignOut | undefined): Html {
  if (last === undefined) {
    return html`<p class="big none">–</p>
      ${gauge(undefined)}
      <p class="quiet">
        When somebody signs out on one instance, the other one is asked for the same session every few milliseconds.
        Here you will read how long it went on answering.
      </p>`
  }
  const other = last.on === 'A' ? 'B' : 'A'
  const watched = last.sessions === 1 ? 'one session' : `${last.sessions} sessions`
  const where = html`<p class="quiet">
    Signed out ${last.extent} on ${last.on} at ${clockTime(last.at)}; ${watched} watched on ${other}.
  </p>`
  if (last.state === 'under way')
    return html`<p class="big none">…</p>
      ${gauge(undefined)}${where}`
  if (last.tookMs === undefined) {
    return html`<p class="big none">–</p>
      ${gauge(undefined)}
      <p>${other} was not seen to refuse it.</p>
      ${where}`
  }
  return html`<p>Refused on ${other} after</p>
    <p class="big">${count(Math.round(last.tookMs))} ms</p>
    ${gauge(last.tookMs)}${where}`
}

function gauge(ms: number | undefined): Html {
  const width = ms === undefined ? 0 : Math.max(8, Math.min(1000, (ms / boundMs) * 1000))
  return html`<svg class="gauge" viewBox="0 0 1000 12" preserveAspectRatio="none" aria-hidden="true">
      <rect width="${width.toFixed(0)}" height="12" />
    </svg>
    <p class="scale"><span>bound ${count(boundMs)} ms</span></p>`
}

function instancePart({ stats, medianMs, recent, burst }: Figures): Html {
  const answered = stats.answers.l1 + stats.answers.l2 + stats.answers.joined
  return html`<p class="hits">
      <strong>${answered === 0 ? '–' : ratio(stats.answers.l1, answered)}</strong>
      <span class="quiet">hit ratio of its memory</span>
    </p>
    ${strip(recent)}
    <table>
      <thead class="unseen">
        <tr>
          <th>Source</th>
          <th>Answers</th>
          <th>Median time</th>
        </tr>
      </thead>
      <tbody>
        ${sources.map(({ source, name, meaning }) => {
          const median = medianMs[source]
          return html`<tr>
            <th scope="row"><i class="dot ${source}"></i>${name} <small>${meaning}</small></th>
            <td>${count(stats.answers[source])}</td>
            <td>${median === undefined ? '–' : latency(median)}</td>
          </tr>`
        })}
      </tbody>
    </table>
    <p class="quiet foot">
      ${count(stats.store.readBatches)} ${stats.store.readBatches === 1 ? 'read' : 'reads'} of the store.
      ${burst && html`Asked ${count(burst.answers)} times in ${latency(burst.tookMs)}.`}
    </p>`
}

/** One bar per answer, the newest on the right; ten times as long is one step higher. */
function strip(recent: readonly RecentAnswer[]): Html {
  const first = 64 - recent.length
  return html`<svg
    class="strip"
    viewBox="0 0 320 40"
    preserveAspectRatio="none"
    role="img"
    aria-label="The latest answers, by source and time"
  >
    ${recent.map(({ source, durationMs }, i) => {
      const height = Math.max(3, Math.min(40, 8 * (Math.log10(Math.max(durationMs, 1e-6)) + 4)))
      const top = (40 - height).toFixed(1)
      return html`<rect class="${source}" x="${(first + i) * 5}" y="${top}" width="4" height="${height.toFixed(1)}" />`
    })}
  </svg>`
}
