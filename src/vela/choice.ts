// Whether a chosen value is one that the field in dispute can have (protocol/resolution.md, G12): checked before anybody signs, since replay
// would report the resolution and change nothing.

import { ReplicaError } from '../errors.ts'
import { excerpt } from './event-record.ts'
import { REVIEW_STATES } from './frontier-file.ts'
import { FIELD_KINDS, FIELDS, type Field } from './replay/fields.ts'
import { type Json, JsonNumber } from './value.ts'

/** The field that conflicts of this kind are about; undefined for those that are about no field. */
export function fieldOf(kind: string): Field | undefined {
  return FIELDS.find(name => FIELD_KINDS[name] === kind)
}

const POLARITIES: readonly Json[] = ['for', 'for:positive', 'for:negative', 'against', 'open']

const FITS: Record<Field, (value: Json) => boolean> = {
  confidence: value => value instanceof JsonNumber,
  polarity: value => POLARITIES.includes(value),
  retracted: value => typeof value === 'boolean',
  review_state: value => REVIEW_STATES.some(state => state === value),
  superseded: value => typeof value === 'boolean' || typeof value === 'string',
  text: value => typeof value === 'string',
}

const WANTED: Record<Field, string> = {
  confidence: 'a number',
  polarity: POLARITIES.join(', '),
  retracted: 'true or false',
  review_state: REVIEW_STATES.join(', '),
  superseded: 'true, false or the id of a finding',
  text: 'a string',
}

/** Conflicts about no field take any value. @throws ReplicaError ERR_PROPOSAL */
export function checkChoiceValue(kind: string, value: Json): void {
  const field = fieldOf(kind)
  if (field === undefined || FITS[field](value)) return
  throw new ReplicaError('ERR_PROPOSAL', `no value for ${excerpt(kind)}: it takes ${WANTED[field]}`)
}
