import { listenOnLoopback } from './loopback.ts'

/** Three neighbouring ports: both instances and the provider. */
export interface Ports {
  a: number
  b: number
  provider: number
}

/** Something that went wrong, in a sentence for whoever typed `npm start`: a stack trace would not help. */
export class Problem extends Error {}

/** The ports under the environment variable `PORT`; without it 3000, 3001 and 3002. */
export function portsFrom(text: string | undefined): Ports {
  const first = text === undefined || text.trim() === '' ? 3000 : wholeNumber(text)
  if (first === undefined || first < 1 || first > 65_533) {
    throw new Problem(`PORT must be a whole number from 1 to 65533, as in PORT=4000 npm start; it is "${text}"`)
  }
  return { a: first, b: first + 1, provider: first + 2 }
}

/** Tries all three before anything is started; a port that can't be had is named with the way out. */
export async function checkPorts(ports: Ports): Promise<void> {
  const refusals: Refusal[] = []
  for (const port of Object.values(ports) as number[]) {
    const code = await refusalOf(port)
    if (code !== undefined) refusals.push({ port, code })
  }
  const [first] = refusals
  if (first === undefined) return
  throw new Problem(`${describe(refusals)}: PORT=${elsewhere(ports)} npm start moves all three`)
}

interface Refusal {
  port: number
  code: string
}

function wholeNumber(text: string): number | undefined {
  return /^\s*\d{1,5}\s*$/.test(text) ? Number(text) : undefined
}

async function refusalOf(port: number): Promise<string | undefined> {
  try {
    const server = await listenOnLoopback(port, () => {})
    await server.close()
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'an unknown error'
  }
}

function describe(refusals: Refusal[]): string {
  const codes = new Set(refusals.map(({ code }) => code))
  if (codes.size > 1) return refusals.map((refusal) => describe([refusal])).join(', ')
  const [code] = codes
  const ports = refusals.map(({ port }) => port).join(' and ')
  const subject = refusals.length === 1 ? `port ${ports} is` : `ports ${ports} are`
  if (code === 'EADDRINUSE') return `${subject} in use`
  if (code === 'EACCES') return `${subject} reserved for the system`
  return `${subject} not available (${code})`
}

function elsewhere(ports: Ports): number {
  const next = ports.a < 3000 ? 3000 : ports.a + 1000
  return next > 65_533 ? 4000 : next
}
