import type { IDToken, UserInfoResponse } from 'openid-client'
import type { Claims, Json } from '../session/tokens.ts'
import { untrusted } from './provider-error.ts'

/** They say something about the token, not about the user. */
const tokenClaims = new Set(['aud', 'azp', 'nonce', 'at_hash', 'c_hash', 's_hash', 'iat', 'exp', 'nbf', 'jti'])
/** No claim has such a name, but careless merging of objects gives these a meaning. */
const dangerousKeys = new Set(['__proto__', 'constructor', 'prototype'])
/** Deeper than any real claim, and shallow enough for every recursive reader. */
const maxDepth = 20

/** The claims about the user, frozen. What the ID token says stands above the UserInfo response. */
export function userClaims(idToken: IDToken, userinfo: Partial<UserInfoResponse>): Claims {
  const merged = { ...userinfo, ...idToken }
  const about = Object.entries(merged).filter(([name]) => !tokenClaims.has(name))
  return frozen(Object.fromEntries(about), maxDepth) as Claims
}

function frozen(value: Json, depthLeft: number): Json {
  if (typeof value !== 'object' || value === null) return value
  if (depthLeft === 0) throw untrusted('the claims are nested too deeply')
  if (isList(value)) return Object.freeze(value.map((item) => frozen(item, depthLeft - 1)))
  const entries = Object.entries(value).filter(([name]) => !dangerousKeys.has(name))
  return Object.freeze(Object.fromEntries(entries.map(([name, item]) => [name, frozen(item!, depthLeft - 1)])))
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
