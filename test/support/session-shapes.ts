import { randomBytes } from 'node:crypto'
import { neverRefreshed, type SessionRecord } from '../../src/session/record.ts'
import type { Json } from '../../src/session/tokens.ts'
import type { SeededRandom } from './seeded-random.ts'

/** Kinds of sessions that differ in how they lie in memory. */
export type SessionShape = (typeof sessionShapes)[number]

export const sessionShapes = [
  'typical',
  'many-claims',
  'long-tokens',
  'unicode',
  'nested-roles',
  'keyed-by-id',
] as const

/** As a site may have them: names that are data are rare. */
export const mixedShapes: readonly SessionShape[] = [
  ...Array.from({ length: 3 }, () => sessionShapes.slice(0, -1)).flat(),
  'keyed-by-id',
]

/** Stands in a session's text where each session has its own number. */
const serialMark = '%'.repeat(8)

/** Makes stored sessions, each another one, of about 3 KB; fast, because most of the text is made beforehand. */
export class SessionTexts {
  readonly #templates: { text: Buffer; serialsAt: number[] }[]

  constructor(shapes: readonly SessionShape[], random: SeededRandom, perShape: number = 200) {
    this.#templates = Array.from({ length: shapes.length * perShape }, (_, i) => {
      const text = Buffer.from(JSON.stringify(sessionOf(shapes[i % shapes.length]!, random)))
      return { text, serialsAt: positionsOf(serialMark, text) }
    })
  }

  /** The JSON of the session with this number. */
  text(serial: number): Buffer {
    const { text, serialsAt } = this.#templates[serial % this.#templates.length]!
    const own = Buffer.from(text)
    const digits = String(serial).padStart(serialMark.length, '0')
    for (const at of serialsAt) own.write(digits, at, 'latin1')
    return own
  }
}

function positionsOf(mark: string, text: Buffer): number[] {
  const positions: number[] = []
  for (let at = text.indexOf(mark); at !== -1; at = text.indexOf(mark, at + mark.length)) positions.push(at)
  return positions
}

/** Tokens are cut from this. */
const noise = randomBytes(48_000).toString('base64url')

function token(random: SeededRandom, length: number): string {
  const at = random.below(noise.length - length)
  return serialMark + noise.slice(at, at + length - serialMark.length)
}

function sessionOf(shape: SessionShape, random: SeededRandom): SessionRecord {
  const { claims, data, tokenLength } = shapes[shape](random)
  const now = 1_790_000_000_000 + random.below(1e9)
  return {
    claims: {
      iss: 'https://id.example.com/realms/main',
      sub: `user-${serialMark}-${token(random, 24)}`,
      aud: 'web-application',
      exp: Math.floor(now / 1_000) + 300,
      iat: Math.floor(now / 1_000),
      sid: token(random, 36),
      email: `someone.${serialMark}@example.com`,
      email_verified: true,
      ...claims,
    },
    data,
    tokens: {
      accessToken: token(random, tokenLength),
      tokenType: 'Bearer',
      expiresAt: now + 300_000,
      refreshToken: token(random, tokenLength / 2),
      idToken: token(random, tokenLength),
      scope: 'openid profile email offline_access',
    },
    tokensAt: now,
    refresh: { ...neverRefreshed, count: random.below(100) },
    device: random.pick(['Firefox on Linux', 'Chrome on Windows', 'Safari on iPhone']),
  }
}

interface Filling {
  claims: Record<string, Json>
  data: Record<string, Json>
  tokenLength: number
}

const shapes: Record<SessionShape, (random: SeededRandom) => Filling> = {
  typical: (random) => ({
    claims: {
      name: `Alice Liddell ${serialMark}`,
      preferred_username: `alice.${serialMark}`,
      ...(random.chance(0.5) && { locale: random.pick(['en', 'de', 'ja']), zoneinfo: 'Europe/Berlin' }),
      ...(random.chance(0.5) && { phone_number: `+49 30 ${serialMark}`, phone_number_verified: random.chance(0.5) }),
    },
    data: {
      theme: random.pick(['dark', 'light']),
      csrf: token(random, 43),
      lastPages: many(4, () => `/orders/${random.below(1e6)}/details`),
      cart: many(3, () => ({
        product: `p-${random.below(1e6)}`,
        count: random.below(9),
        price: random.below(1e4) / 100,
      })),
    },
    tokenLength: 760,
  }),
  'many-claims': (random) => ({
    claims: Object.fromEntries(many(70, (i) => [`claim_${i}`, random.pick([true, i, `value ${random.below(1e6)}`])])),
    data: Object.fromEntries(many(20, (i) => [`setting${i}`, random.pick<Json>(['on', 'off', 0, 1, false, null])])),
    tokenLength: 200,
  }),
  'long-tokens': (random) => ({
    claims: { name: `Bob ${serialMark}` },
    data: { theme: random.pick(['dark', 'light']) },
    tokenLength: 1_000,
  }),
  unicode: (random) => ({
    claims: {
      name: `山田 太郎 ${serialMark}`,
      address: { formatted: `東京都千代田区丸の内 ${serialMark}`, country: '日本' },
    },
    data: {
      notes: many(12, (i) => `お客様のメモ ${random.below(1e6)}、${i} 回目の注文について`),
      greeting: `Grüß Gott, Herr Müller ${serialMark}`,
    },
    tokenLength: 500,
  }),
  'nested-roles': (random) => ({
    claims: {
      realm_access: { roles: roles(random, 24) },
      resource_access: Object.fromEntries(
        ['account', 'shop', 'billing', 'support', 'intranet'].map((name) => [name, { roles: roles(random, 9) }]),
      ),
      groups: many(14, () => `/company/department-${random.below(50)}/team-${random.below(500)}`),
    },
    data: {},
    tokenLength: 300,
  }),
  'keyed-by-id': (random) => ({
    claims: {
      resource_access: Object.fromEntries(many(8, () => [`client-${random.below(300)}`, { roles: roles(random, 2) }])),
    },
    data: {
      cart: Object.fromEntries(many(10, (i) => [`${serialMark}-item-${i}`, random.below(9)])),
      seen: Object.fromEntries(many(5, () => [random.below(1e6), true])),
    },
    tokenLength: 600,
  }),
}

function roles(random: SeededRandom, count: number): string[] {
  return many(count, () => random.pick(['admin', 'user', 'auditor', `manage-region-${random.below(90)}`]))
}

function many<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i))
}
