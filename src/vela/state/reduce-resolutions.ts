// What a person chose between values that were set apart (protocol/replay.md, R11): a resolution that says what is to stand sets it, when
// it is signed by who it names. One that only names a proposal changes no finding, as in the reference.

import { ReplicaError } from '../../base/errors.ts'
import { excerpt } from '../../base/text.ts'
import { type Json, JsonNumber } from '../../json/value.ts'
import type { ReviewState } from '../files/frontier-file.ts'
import { CONFLICT_RESOLVED, checkFrontierPayload } from '../payloads.ts'
import { checkAuthority } from '../resolution/authority.ts'
import { fitsField } from '../resolution/field-values.ts'
import { recordWriter } from './field-writers.ts'
import { FIELD_KINDS, FIELDS, type Field } from './fields.ts'
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
  // A finding that one side lacks is settled by having it, not by a value.
  if (field === undefined) return
  const id = textOf(choice, 'finding_id') ?? ''
  const finding = step.object('findings', id)
  const chosen = choice.has('value') ? choice.get('value')! : valueOfWriter(step, { id, field, choice })
  setField(step, { id, finding, field, value: chosen })
}

/** @throws ReplicaError ERR_EVENT_TARGET where the event's effect was replaced: then only a value can say what is meant */
function valueOfWriter(step: Step, { id, field, choice }: { id: string; field: Field; choice: Body }): Json {
  const event = textOf(choice, 'event') ?? ''
  const setters = step.view.writers.get(id)?.[field]?.writers ?? []
  const setter = setters.find(one => one.event === event)
  if (setter !== undefined) return setter.value
  throw new ReplicaError('ERR_EVENT_TARGET', `${excerpt(event)} is not a current value of the finding's ${field}`)
}

interface FieldSetting {
  readonly id: string
  readonly finding: Body
  readonly field: Field
  readonly value: Json
}

/**
 * Sets this field and no other: what else is in dispute about the finding stays so.
 * @throws ReplicaError ERR_EVENT_SHAPE for a value that the field can't have
 */
function setField(step: Step, { id, finding, field, value }: FieldSetting): void {
  if (!fitsField(field, value)) throw malformed(`payload.choice.value is not a value of ${field}`)
  step.write('findings', id, withValue(finding, field, value))
  const replaced = recordWriter(step, id, { field, value })
  const { settled, undoLog: ledger } = step.view
  settled.set(String(ledger.count), { finding_id: id, field, replaced })
}

/** `value` fits the field. */
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

/** As a finding that nobody has reviewed. */
function withoutVerdict(finding: Body): Body {
  const flags = new Map(memberAt(finding, ['flags']) as Map<string, Json>)
  flags.delete('review_state')
  flags.set('contested', false)
  return withMembers(finding, [], { flags })
}

/** Who chooses what speaks for a finding takes a retraction back; what speaks against it contests it. */
function withPolarity(finding: Body, value: string): Body {
  const isFor = value.startsWith('for')
  return withMembers(finding, ['flags'], isFor ? { retracted: false, contested: false } : { contested: true })
}
