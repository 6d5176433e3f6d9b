/** One sheet, no build: colours are named by what they mean, and change with the reader's light or dark. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: #f5f4ef; --card: #fffefb; --ink: #1d1c19; --soft: #66635a; --line: #e2dfd4; --sunk: #efede5;
  --key: #12664f; --on-key: #fff; --key-soft: #e0f0e9;
  --l1: #1b9a74; --l2: #d08a12; --joined: #7d5fd3; --refused: #8f8b80;
  --danger: #a92f1d;
  --shadow: 0 1px 2px rgb(40 36 20 / .05), 0 8px 24px -12px rgb(40 36 20 / .14);
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #131412; --card: #1c1d1a; --ink: #ecebe4; --soft: #a3a195; --line: #31322d; --sunk: #262722;
    --key: #5fcfa5; --on-key: #08241a; --key-soft: #17342a;
    --l1: #4fcb9f; --l2: #e6b04a; --joined: #a991f5; --refused: #8b887c;
    --danger: #ff9a86;
    --shadow: none;
  }
}
* { box-sizing: border-box }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100% }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.55 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Open Sans", sans-serif }
a { color: var(--key); text-underline-offset: .18em }
b, strong, h1, h2 { font-weight: 650 }
p { margin: 0 }
small { font-size: .8125rem; color: var(--soft); font-weight: 400 }
code, .claims dd { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .875em }
code { padding: .1em .35em; border-radius: .3em; background: var(--sunk) }
em { font-style: normal; font-size: .75rem; font-weight: 500; padding: .12em .6em; border-radius: 9em; background: var(--key-soft); color: var(--key); white-space: nowrap }
.quiet { color: var(--soft); font-size: .875rem }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
:focus-visible { outline: 3px solid color-mix(in srgb, var(--key) 50%, transparent); outline-offset: 2px; border-radius: .3rem }

header, main { width: 100%; max-width: 72rem; margin-inline: auto; padding-inline: 1.25rem }
header { display: flex; align-items: center; justify-content: space-between; gap: 1rem; padding-block: 1.1rem }
.brand { display: flex; align-items: center; gap: .55rem; color: inherit; text-decoration: none; font-weight: 650; font-size: 1.0625rem; letter-spacing: -.01em }
nav { display: flex; padding: .2rem; border-radius: .7rem; background: var(--sunk); font-size: .875rem }
nav a { display: flex; gap: .45rem; padding: .3rem .75rem; border-radius: .55rem; color: var(--soft); text-decoration: none }
nav a[aria-current] { background: var(--card); color: var(--ink); box-shadow: 0 1px 2px rgb(0 0 0 / .12) }
main { display: grid; gap: 1rem; padding-block: 1.25rem 4rem }
.live, .cards, .cards > div { display: grid; gap: 1rem; min-width: 0; align-content: start }
.live-head { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .5rem 1rem }
.live-head h2 { margin: 0 }
.top { display: grid; gap: 2rem; margin-bottom: 1rem }
.wide-only { display: none }
@media (min-width: 40rem) {
  .wide-only { display: inline }
  .live { grid-template-columns: 1fr 1fr }
  #last-sign-out, .live-head { grid-column: 1 / -1 }
}
@media (min-width: 62rem) {
  main { padding-block: 2.5rem 5rem }
  .top { grid-template-columns: minmax(0, 1fr) 24rem; gap: 4rem; align-items: center; margin-bottom: 1.75rem }
  .top > :only-child { grid-column: 1 / -1 }
  .live { grid-template-columns: 1fr 1fr 1fr }
  #last-sign-out { grid-column: auto }
  .cards { grid-template-columns: 1fr 1fr }
}

h1 { margin: 0; font-size: clamp(1.8rem, 1.3rem + 2vw, 2.6rem); line-height: 1.12; letter-spacing: -.025em; text-wrap: balance }
h2 { margin: 0 0 .85rem; font-size: 1rem; display: flex; align-items: center; gap: .6rem }
.intro { font-size: 1.0625rem; color: var(--soft); max-width: 34em; text-wrap: pretty; margin-top: .75rem }
.card { padding: 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: 1rem; box-shadow: var(--shadow) }
.notice { padding: .6rem .85rem; border-radius: .6rem; background: var(--key-soft); color: var(--key); font-size: .9375rem }
.card > .notice { margin-bottom: .85rem }

button, .button { display: inline-block; padding: .6rem 1rem; border: 1px solid transparent; border-radius: .65rem; background: var(--key); color: var(--on-key); font: inherit; font-size: .9375rem; font-weight: 600; line-height: 1.3; text-decoration: none; cursor: pointer }
.button { padding: .75rem 1.6rem; font-size: 1rem; margin-block: 1.25rem .75rem }
button:hover, .button:hover { filter: brightness(1.08) }
button.quiet { background: transparent; border-color: var(--line); color: var(--ink); font-weight: 500 }
button.quiet:hover { background: var(--sunk); filter: none }
button.danger { background: transparent; border-color: color-mix(in srgb, var(--danger) 45%, transparent); color: var(--danger) }
button.danger:hover { background: color-mix(in srgb, var(--danger) 10%, transparent); filter: none }
form.wide { margin-top: 1rem }
form.wide button { width: 100% }
form.row { display: flex; flex-wrap: wrap; gap: .6rem; margin-top: 1rem }
form.row button { flex: 1 }

.steps { margin: 0; padding: 0; list-style: none; counter-reset: step; display: grid; gap: .9rem; max-width: 34em }
.steps li { counter-increment: step; display: grid; grid-template-columns: 1.75rem 1fr; gap: .75rem }
.steps li::before { content: counter(step); display: grid; place-items: center; width: 1.75rem; height: 1.75rem; border-radius: 50%; background: var(--key-soft); color: var(--key); font-size: .875rem; font-weight: 650 }

.sessions { margin: 0; padding: 0; list-style: none }
.sessions li { display: flex; align-items: center; justify-content: space-between; gap: 1rem; padding-block: .75rem; border-top: 1px solid var(--line) }
.sessions li:first-child { border-top: 0; padding-top: 0 }
:is(.sessions, .live-head) button { white-space: nowrap; padding: .45rem .8rem; font-size: .875rem }

dl { margin: 0 }
dl div { display: flex; justify-content: space-between; gap: 1rem; padding-block: .45rem; border-top: 1px solid var(--line) }
dl div:first-child { border-top: 0 }
dt { color: var(--soft); flex: none }
dd { margin: 0; text-align: right; overflow-wrap: anywhere; font-variant-numeric: tabular-nums }
.claims { margin-bottom: .75rem }
.counter { display: flex; align-items: baseline; gap: .75rem; color: var(--soft); margin-bottom: .25rem }
.counter output { font-size: 2.25rem; line-height: 1.1; font-weight: 650; color: var(--ink); font-variant-numeric: tabular-nums }

.big { font-size: 2.75rem; line-height: 1.15; font-weight: 650; letter-spacing: -.035em; color: var(--key); margin-bottom: .6rem; font-variant-numeric: tabular-nums }
.big.none { color: var(--soft) }
.gauge { display: block; width: 100%; height: .75rem; border-radius: 9em; background: var(--sunk) }
.gauge rect { fill: var(--l1) }
.scale { margin: .3rem 0 .75rem; text-align: right; color: var(--soft); font-size: .75rem; font-variant-numeric: tabular-nums }

.letter { display: grid; place-items: center; width: 1.6rem; height: 1.6rem; border-radius: .45rem; background: var(--ink); color: var(--card); font-size: .875rem }
.instance h2 { font-weight: 500 }
.instance em { margin-left: auto }
.hits { display: flex; align-items: baseline; flex-wrap: wrap; column-gap: .6rem; margin-bottom: .6rem }
.hits strong { font-size: 1.75rem; line-height: 1.2; letter-spacing: -.025em; font-variant-numeric: tabular-nums }
.strip { display: block; width: 100%; height: 3rem; margin-bottom: .6rem; border-bottom: 1px solid var(--line) }
.strip .l1 { fill: var(--l1) } .strip .l2 { fill: var(--l2) } .strip .joined { fill: var(--joined) } .strip .refused { fill: var(--refused) }
table { width: 100%; border-collapse: collapse; font-size: .9375rem; font-variant-numeric: tabular-nums }
tbody th { text-align: left; font-weight: 500 }
td { text-align: right; white-space: nowrap }
tbody th, td { padding: .3rem 0 }
td:last-child { width: 5.5rem; color: var(--soft) }
.dot { display: inline-block; width: .6rem; height: .6rem; margin-right: .6rem; border-radius: .2rem }
.dot.l1 { background: var(--l1) } .dot.l2 { background: var(--l2) } .dot.joined { background: var(--joined) } .dot.refused { background: var(--refused) }
.foot { margin-top: .6rem }
`
