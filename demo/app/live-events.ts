import { setTimeout } from 'node:timers/promises'
import type { Request, RequestHandler, Response } from 'express'
import type { LiveView } from '../pages/live-view.ts'

const everyMs = 250

/** Server-sent events: the parts of the live view that changed, to every page that is open. */
export function liveEvents(look: () => Promise<LiveView>): RequestHandler {
  const pages = new Map<Response, Record<string, string>>()
  let looking = false

  const keepLooking = async (): Promise<void> => {
    looking = true
    while (pages.size > 0) {
      const view = await look()
      for (const [page, sent] of pages) send(page, sent, view)
      await setTimeout(everyMs)
    }
    looking = false
  }

  return (req: Request, res: Response) => {
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    pages.set(res, {})
    req.once('close', () => pages.delete(res))
    if (!looking) void keepLooking()
  }
}

function send(page: Response, sent: Record<string, string>, { parts, signOut }: LiveView): void {
  const changed = Object.entries(parts).filter(([id, { text }]) => sent[id] !== text)
  if (changed.length === 0) return
  for (const [id, { text }] of changed) sent[id] = text
  page.write(
    `data: ${JSON.stringify({ signOut, parts: Object.fromEntries(changed.map(([id, { text }]) => [id, text])) })}\n\n`,
  )
}
