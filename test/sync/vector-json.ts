// Inputs and effects of `step` as JSON and back, as protocol/vectors/session has them: bytes as hex, errors as their code,
// a message to send as its type and frame.

import { fromHex, HashedBlock, toHex } from '../../src/base/bytes.ts'
import { type ErrorCode, ReplicaError } from '../../src/base/errors.ts'
import { Key } from '../../src/crypto/key.ts'
import type { Effect, Input, SessionConfig } from '../../src/sync/connection.ts'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/** What a side is, without what it does. */
export interface SideJson {
  readonly role: 'client' | 'hub'
  readonly hub: string
  readonly seed: string
  readonly nonce: string
  readonly host: string
  readonly expect?: string
  readonly binding?: string
}

export function configFrom({ role, hub, seed, nonce, host, expect, binding }: SideJson): SessionConfig {
  const key = Key.fromSeed(bytes(seed))
  const side = {
    hub,
    key: key.publicKeyBytes,
    sign: (message: Uint8Array) => key.sign(message),
    nonce: bytes(nonce),
    host,
    compress: false,
    ...(binding === undefined ? {} : { binding: bytes(binding) }),
  }
  if (role === 'hub') return { ...side, role }
  if (expect === undefined) throw new TypeError('a client expects a key')
  return { ...side, role, expect: bytes(expect) }
}

export function effectJson(effect: Effect): Json {
  if (effect.do === 'send') return { do: 'send', t: effect.message.t, frame: toHex(effect.frame) }
  if (effect.do === 'done' || effect.do === 'live') return { do: effect.do, ch: effect.ch }
  if (effect.do === 'ready') return { do: 'ready', hub: effect.peer.hub, key: toHex(effect.peer.key) }
  return plain(effect)
}

export function inputJson(input: Input): Json {
  return plain(input)
}

/** Members that are bytes, or lists of them, wherever they stand as text. */
const BYTES = new Set(
  'frame store digest registry heads ids nodes bytes stored held parents released data key id trace'.split(' '),
)

export function inputFrom(json: Json): Input {
  return revive('', json) as Input
}

function revive(name: string, value: Json): unknown {
  if (name === 'error') return new ReplicaError(value as ErrorCode, 'as the vector says')
  if (typeof value === 'string') return BYTES.has(name) ? bytes(value) : value
  if (Array.isArray(value)) return value.map(item => (item === null ? undefined : revive(name, item)))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(key, item)]))
}

function plain(value: unknown): Json {
  if (value instanceof Uint8Array) return toHex(value)
  if (value instanceof HashedBlock) return toHex(value.bytes)
  if (value instanceof ReplicaError) return value.code
  if (Array.isArray(value)) return value.map(item => (item === undefined ? null : plain(item)))
  if (typeof value !== 'object' || value === null) return value as Json
  const members = Object.entries(value).filter(([, item]) => item !== undefined)
  return Object.fromEntries(members.map(([key, item]) => [key, plain(item)]))
}

function bytes(hex: string): Uint8Array {
  const decoded = fromHex(hex)
  if (decoded === undefined) throw new TypeError(`not hex: ${hex}`)
  return decoded
}
