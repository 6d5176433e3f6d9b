import { styleText } from 'node:util'

/** What a stranger needs to know, once all three processes answer. */
export function printBanner(started: { a: string; b: string; provider: string; database: string }): void {
  const bold = (text: string): string => styleText('bold', text)
  const dim = (text: string): string => styleText('dim', text)
  console.log(`
  ${bold('sallyport')}: sign in once, be known everywhere, be signed out everywhere

    instance A   ${bold(started.a)}
    instance B   ${bold(started.b)}
    provider     ${started.provider}

    sign in as   ${bold('alice')} or ${bold('bob')}, password ${bold('password')}

  ${dim(`Both instances answer from their own memory and share ${started.database}`)}
  ${dim('Ctrl-C ends everything.')}
`)
}
