import { duration } from './format.ts'

/** The only script of the page: it shows what the server tells while the page is open. Without it, the page still works. */
export const script = `
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
