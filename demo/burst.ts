import type { Auth } from 'sallyport'
import type { DemoData } from './auth.ts'

/** Many questions in a short time, as a busy moment would bring them. */
export interface Burst {
  answers: number
  tookMs: number
}

const rounds = 10
const atOnce = 100

/** Asks 1,000 times who sent this cookie. An instance that doesn't know it yet reads the store once, for all who ask. */
export async function burst(auth: Auth<DemoData>, cookieHeader: string): Promise<Burst> {
  const started = performance.now()
  for (let round = 0; round < rounds; round += 1) {
    await Promise.all(Array.from({ length: atOnce }, async () => auth.authenticate(cookieHeader)))
  }
  return { answers: rounds * atOnce, tookMs: performance.now() - started }
}
