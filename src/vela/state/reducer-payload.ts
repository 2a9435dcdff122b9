// Typed members of payloads for the reducers: a missing member, or one of another type, makes the
// event fail.

import { ReplicaError } from '../../base/errors.ts'
import { excerpt } from '../../base/text.ts'
import { JsonNumber } from '../../json/value.ts'
import { REVIEW_STATES, type ReviewState } from '../files/frontier-file.ts'
import { type Body, textOf } from './json-path.ts'

/** Returns a text member. @throws ReplicaError ERR_EVENT_SHAPE */
export function textIn(payload: Body, name: string): string {
  const text = textOf(payload, name)
  if (text === undefined) throw malformed(`payload.${name} is missing or not a string`)
  return text
}

/** Returns a number member as the nearest double. @throws ReplicaError ERR_EVENT_SHAPE */
export function numberIn(payload: Body, name: string): number {
  const value = payload.get(name)
  if (!(value instanceof JsonNumber)) throw malformed(`payload.${name} is missing or not a number`)
  return value.toNumber()
}

/** Returns an object member. @throws ReplicaError ERR_EVENT_SHAPE */
export function objectIn(payload: Body, name: string): Body {
  const value = payload.get(name)
  if (!(value instanceof Map)) throw malformed(`payload.${name} is missing or not an object`)
  return value
}

/** Returns a text member that is one of these words. @throws ReplicaError ERR_EVENT_SHAPE */
export function wordIn<W extends string>(payload: Body, name: string, words: readonly W[]): W {
  const text = textIn(payload, name)
  const word = words.find(known => known === text)
  if (word === undefined) throw malformed(`payload.${name} is ${excerpt(text)}; expected one of ${words.join(', ')}`)
  return word
}

/**
 * Returns the verdict in `payload.status`; `approved` is an older word for accepted.
 * @throws ReplicaError ERR_EVENT_SHAPE
 */
export function verdictIn(payload: Body): ReviewState {
  const word = wordIn(payload, 'status', [...REVIEW_STATES, 'approved'])
  return word === 'approved' ? 'accepted' : word
}

/** Returns the error of a payload that does not have the form of its kind. */
export function malformed(reason: string): ReplicaError {
  return new ReplicaError('ERR_EVENT_SHAPE', reason)
}
