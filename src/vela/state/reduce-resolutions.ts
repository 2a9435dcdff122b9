// Reducer of resolutions: a person's choice between concurrent values. A resolution with a choice
// sets the field if the person that it names signed it. One that only names a proposal changes no
// finding, as in the reference. Spec: protocol/replay.md, R11.

import { ReplicaError } from '../../base/errors.ts'
import { excerpt } from '../../base/text.ts'
import { type Json, JsonNumber } from '../../json/value.ts'
import type { ReviewState } from '../files/frontier-file.ts'
import { CONFLICT_RESOLVED, checkFrontierPayload } from '../payloads.ts'
import { checkAuthority } from '../resolution/authority.ts'
import { fitsField } from '../resolution/field-values.ts'
import { FIELD_KINDS, FIELDS, type Field } from './contestable-fields.ts'
import { recordWriter } from './field-writers.ts'
import { type Body, memberAt, textOf, withMembers } from './json-path.ts'
import { withVerdict } from './reduce-reviews.ts'
import { malformed } from './reducer-payload.ts'
import type { Step } from './state.ts'

/** frontier.conflict_resolved */
export function resolveConflict(step: Step): void {
  const { payload, event, text } = step
  checkFrontierPayload(CONFLICT_RESOLVED, event.payload)
  checkAuthority({ text, head: { ...event, signed: event.signature !== undefined } }, payload, step.view.authorities)
  const choice = payload.get('choice')
  if (!(choice instanceof Map)) return
  const field = FIELDS.find(name => FIELD_KINDS[name] === choice.get('kind'))
  // A conflict about a missing finding is settled by adding the finding, not by a value.
  if (field === undefined) return
  const id = textOf(choice, 'finding_id') ?? ''
  const finding = step.object('findings', id)
  const chosen = choice.has('value') ? choice.get('value')! : valueOfWriter(step, { id, field, choice })
  setField(step, { id, finding, field, value: chosen })
}

/**
 * @throws ReplicaError ERR_EVENT_TARGET if the event is not a current writer: the choice must state
 *   the value then
 */
function valueOfWriter(step: Step, { id, field, choice }: { id: string; field: Field; choice: Body }): Json {
  const event = textOf(choice, 'event') ?? ''
  const writers = step.view.writers.get(id)?.[field]?.writers ?? []
  const writer = writers.find(one => one.event === event)
  if (writer !== undefined) return writer.value
  throw new ReplicaError('ERR_EVENT_TARGET', `${excerpt(event)} is not a current writer of the finding's ${field}`)
}

interface FieldSetting {
  readonly id: string
  readonly finding: Body
  readonly field: Field
  readonly value: Json
}

/**
 * Sets this field only; conflicts about other fields of the finding stay open.
 * @throws ReplicaError ERR_EVENT_SHAPE for a value that the field cannot have
 */
function setField(step: Step, { id, finding, field, value }: FieldSetting): void {
  if (!fitsField(field, value)) throw malformed(`payload.choice.value is not a value of ${field}`)
  step.write('findings', id, withValue(finding, field, value))
  const replaced = recordWriter(step, id, { field, value })
  const { settled, undoLog } = step.view
  settled.set(String(undoLog.count), { finding_id: id, field, replaced })
}

/** `value` must fit the field. */
function withValue(finding: Body, field: Field, value: Json): Body {
  switch (field) {
    case 'confidence':
      return withMembers(finding, ['confidence'], { score: JsonNumber.float((value as JsonNumber).toNumber()) })
    case 'text':
      return withMembers(finding, ['assertion'], { text: value })
    case 'retracted':
      return withMembers(finding, ['flags'], { retracted: value })
    case 'superseded':
      return withMembers(finding, ['flags'], { superseded: value !== false })
    case 'review_state':
      return value === null ? withoutVerdict(finding) : withVerdict(finding, value as ReviewState)
    case 'polarity':
      return withPolarity(finding, value as string)
  }
}

/** Returns the finding without a review. */
function withoutVerdict(finding: Body): Body {
  const flags = new Map(memberAt(finding, ['flags']) as Map<string, Json>)
  flags.delete('review_state')
  flags.set('contested', false)
  return withMembers(finding, [], { flags })
}

/**
 * A choice for the finding reverts a retraction; a choice against it marks the finding as
 * contested.
 */
function withPolarity(finding: Body, value: string): Body {
  const isFor = value.startsWith('for')
  return withMembers(finding, ['flags'], isFor ? { retracted: false, contested: false } : { contested: true })
}
