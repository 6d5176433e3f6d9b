import { said } from './done.ts'
import { html } from './html.ts'
import type { Done } from './done.ts'
import type { Html } from './html.ts'

/** The top of the page for someone who is not signed in. */
export function welcome(done: Done | undefined): Html {
  return done === 'everywhere' ? signedOutEverywhere : introduction
}

const signIn = html`<p><a class="button" href="/auth/login?returnTo=/">Sign in</a></p>
  <p class="quiet">Users <code>alice</code> and <code>bob</code>, password <code>password</code>.</p>`

const introduction = html`<div>
    <h1>Two instances. One sign-in, one sign-out.</h1>
    <p class="intro">
      This is one small application, running twice. Each instance knows you from its own memory, without asking a
      database. Still, when you sign out on one, the other refuses you within a second.
    </p>
    ${signIn}
  </div>
  <ol class="steps">
    <li>
      <span><b>Sign in,</b> then look at the other instance: you are known there, too.</span>
    </li>
    <li>
      <span><b>Sign in once more</b> from a private window or another browser.</span>
    </li>
    <li>
      <span><b>Sign out everywhere,</b> and read how long the other instance went on answering.</span>
    </li>
  </ol>`

const signedOutEverywhere = html`<div>
  <h1>${said.everywhere}</h1>
  <p class="intro">
    In every browser of yours, on both instances. How long the other instance went on answering, you can read below.
  </p>
  ${signIn}
</div>`
