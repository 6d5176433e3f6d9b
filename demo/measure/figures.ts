import type { Answer, AnswerSource, CacheStats } from 'sallyport'
import type { SignOut } from './sign-out.ts'

/** What one instance tells about itself: to its own page, and to the other instance, whose page shows it too. */
export interface Figures {
  stats: CacheStats
  /** Half of the latest answers from this source were faster, in milliseconds. Absent: none yet. */
  medianMs: Partial<Record<AnswerSource, number>>
  /** The latest answers, oldest first. */
  recent: readonly RecentAnswer[]
  /** The last time someone asked 1,000 times. */
  burst: Burst | undefined
  /** The last sign-out that started here. */
  signOut: SignOut | undefined
}

/** Many questions in a short time, as a busy moment would bring them. */
export interface Burst {
  answers: number
  tookMs: number
}

/** Both instances, wherever one looks from; `undefined` for one that doesn't answer. */
export type Instances = readonly { name: string; url: string; here: boolean; figures: Figures | undefined }[]

export interface RecentAnswer {
  source: AnswerSource
  durationMs: number
}

/** How many answers a median is made of. */
const sample = 101
const shown = 64

/** Keeps the latest answers. Counts are not kept here: sallyport counts by itself. */
export interface AnswerLog {
  onAnswer(answer: Answer): void
  recent(): RecentAnswer[]
  medianMs(): Partial<Record<AnswerSource, number>>
}

export function createAnswerLog(): AnswerLog {
  const recent: RecentAnswer[] = []
  const durations: Record<AnswerSource, number[]> = { l1: [], l2: [], joined: [], stale: [], refused: [] }
  return {
    onAnswer({ source, durationMs }) {
      push(recent, { source, durationMs }, shown)
      push(durations[source], durationMs, sample)
    },
    recent: () => [...recent],
    medianMs: () => {
      const medians: Partial<Record<AnswerSource, number>> = {}
      for (const source of Object.keys(durations) as AnswerSource[]) {
        const sorted = durations[source].toSorted((a, b) => a - b)
        const median = sorted[sorted.length >> 1]
        if (median !== undefined) medians[source] = median
      }
      return medians
    },
  }
}

function push<T>(list: T[], item: T, limit: number): void {
  list.push(item)
  if (list.length > limit) list.shift()
}
