/** The provider's pages: plain HTML forms that work without scripts. */

export interface SignInForm {
  action: string
  users: readonly string[]
  password: string
  /** Filled in beforehand. */
  user: string
  /** The last attempt was wrong. */
  failed: boolean
}

export function signInPage(form: SignInForm): string {
  const users = form.users.map((user) => `<code>${escape(user)}</code>`).join(' or ')
  return page(
    'Sign in',
    `<p class="hint">This is the demo's own OpenID Provider. Sign in as ${users}, password <code>${escape(form.password)}</code>.</p>
    ${form.failed ? '<p class="alert" role="alert">That user and password do not match. Please try again.</p>' : ''}
    <form method="post" action="${escape(form.action)}">
      <label for="user">User</label>
      <input id="user" name="user" value="${escape(form.user)}" autocomplete="username" autocapitalize="none" spellcheck="false"${form.user ? '' : ' autofocus'}>
      <label for="password">Password</label>
      <input id="password" name="password" type="password" autocomplete="current-password"${form.user ? ' autofocus' : ''}>
      <button>Sign in</button>
      <button class="quiet" name="cancel" value="1" formnovalidate>Cancel</button>
    </form>`,
  )
}

/** `formHtml` is the provider's own form (it carries the request's secret); the buttons belong to it by its id. */
export function signOutPage(formHtml: string): string {
  return page(
    'Sign out?',
    `<p class="hint">An application asks to end your session at this provider.</p>
    ${formHtml}
    <button form="op.logoutForm" name="logout" value="yes" autofocus>Sign out</button>
    <button class="quiet" form="op.logoutForm">Stay signed in</button>`,
  )
}

export function signedOutPage(): string {
  return page('Signed out', '<p class="hint">Your session at this provider has ended. You can close this page.</p>')
}

export function errorPage(text: string): string {
  return page('That did not work', `<p class="alert" role="alert">${escape(text)}</p>`)
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${escape(title)}</title>
  <style>${style}</style>
</head>
<body>
  <main>
    <p class="brand"><span aria-hidden="true"></span>Demo identity provider</p>
    <h1>${escape(title)}</h1>
    ${body}
  </main>
</body>
</html>
`
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]!)
}

const style = `
  :root { color-scheme: light dark; --ground: #eef1f6; --card: #fff; --ink: #1b2330; --soft: #5a6577; --line: #cdd5e0; --key: #3949ab; --on-key: #fff; --bad: #b3261e; --bad-ground: #fdecea }
  @media (prefers-color-scheme: dark) { :root { --ground: #10141b; --card: #1a202b; --ink: #e8ecf3; --soft: #a3aec0; --line: #364152; --key: #8c9eff; --on-key: #10141b; --bad: #ffb4ab; --bad-ground: #3b1f1d } }
  * { box-sizing: border-box }
  body { margin: 0; min-height: 100vh; min-height: 100svh; display: grid; place-items: center; padding: 1.25rem; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
  main { width: 100%; max-width: 24rem; padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: 1rem; box-shadow: 0 1rem 3rem rgb(16 24 40 / .12) }
  .brand { display: flex; align-items: center; gap: .6rem; margin: 0 0 1.5rem; color: var(--soft); font-size: .875rem }
  .brand span { width: 1.1rem; height: 1.1rem; border: .3rem solid var(--key); border-radius: 50% }
  h1 { margin: 0 0 .5rem; font-size: 1.6rem; line-height: 1.2 }
  .hint { margin: 0 0 1.25rem; color: var(--soft) }
  .alert { margin: 0 0 1.25rem; padding: .65rem .85rem; border-radius: .6rem; background: var(--bad-ground); color: var(--bad); overflow-wrap: anywhere }
  code { padding: .1em .35em; border-radius: .3em; background: var(--ground); color: var(--ink); font-size: .9em }
  label { display: block; margin-bottom: .3rem; font-size: .875rem; font-weight: 600 }
  input:not([type=hidden]) { width: 100%; margin-bottom: 1rem; padding: .7rem .8rem; border: 1px solid var(--line); border-radius: .6rem; background: transparent; color: inherit; font: inherit }
  button { width: 100%; margin-top: .5rem; padding: .75rem; border: 1px solid var(--key); border-radius: .6rem; background: var(--key); color: var(--on-key); font: inherit; font-weight: 600; cursor: pointer }
  button.quiet { background: transparent; border-color: transparent; color: var(--soft); font-weight: 400 }
  :is(input, button):focus-visible { outline: 3px solid color-mix(in srgb, var(--key) 45%, transparent); outline-offset: 1px }
`
