// Legal values of each contestable field. A chosen value is checked before it is signed, and again
// by replay, which reports an illegal one and changes nothing. Spec: protocol/resolution.md, G12.

import { ReplicaError } from '../../base/errors.ts'
import { excerpt } from '../../base/text.ts'
import { type Json, JsonNumber } from '../../json/value.ts'
import { REVIEW_STATES } from '../files/frontier-file.ts'
import { FIELD_KINDS, FIELDS, type Field } from '../state/contestable-fields.ts'

/** Returns the field of a conflict kind; undefined for a kind without a field. */
export function fieldOf(kind: string): Field | undefined {
  return FIELDS.find(name => FIELD_KINDS[name] === kind)
}

/** The choices for a finding that one side lacks. */
export const PRESENT = 'present'
export const ABSENT = 'absent'

const PRESENCE_KINDS: readonly string[] = ['missing_in_peer', 'missing_locally']

const POLARITIES: readonly Json[] = ['for', 'for:positive', 'for:negative', 'against', 'open']

const FITS: Record<Field, (value: Json) => boolean> = {
  confidence: value => value instanceof JsonNumber && value.toNumber() >= 0 && value.toNumber() <= 1,
  polarity: value => POLARITIES.includes(value),
  retracted: value => typeof value === 'boolean',
  review_state: value => value === null || REVIEW_STATES.some(state => state === value),
  superseded: value => typeof value === 'boolean' || typeof value === 'string',
  text: value => typeof value === 'string',
}

const WANTED: Record<Field, string> = {
  confidence: 'a number from 0 to 1',
  polarity: POLARITIES.join(', '),
  retracted: 'true or false',
  review_state: `${REVIEW_STATES.join(', ')}, null`,
  superseded: 'true, false or the id of a finding',
  text: 'a string',
}

/**
 * Returns what a side had of a finding that one side lacks; *ours* recorded the conflict. Undefined
 * for other kinds.
 */
export function presenceOf(kind: string, side: 'ours' | 'theirs'): typeof PRESENT | typeof ABSENT | undefined {
  if (!isAboutPresence(kind)) return undefined
  return (kind === 'missing_in_peer') === (side === 'ours') ? PRESENT : ABSENT
}

/** Returns whether the field can have this value; null means no review state. */
export function fitsField(field: Field, value: Json): boolean {
  return FITS[field](value)
}

/** Returns whether conflicts of this kind are about a finding that one side lacks. */
export function isAboutPresence(kind: string): boolean {
  return PRESENCE_KINDS.includes(kind)
}

/**
 * Checks a chosen value against the kind of its conflict. A kind without a field, other than a
 * missing finding, takes any value.
 * @throws ReplicaError ERR_PROPOSAL
 */
export function checkChoiceValue(kind: string, value: Json): void {
  const field = fieldOf(kind)
  const wanted = field === undefined ? `${PRESENT}, ${ABSENT}` : WANTED[field]
  if (field === undefined ? !isAboutPresence(kind) || value === PRESENT || value === ABSENT : FITS[field](value)) return
  throw new ReplicaError('ERR_PROPOSAL', `not a value for ${excerpt(kind)}: expected ${wanted}`)
}
