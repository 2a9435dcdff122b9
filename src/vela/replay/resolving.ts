// What a person chose between values that were set apart (protocol/replay.md, R11): a resolution that says what is to stand sets it, when
// it is signed by who it names. One that only names a proposal changes no finding, as in the reference.

import { ReplicaError } from '../../errors.ts'
import { checkDecider } from '../decider.ts'
import { excerpt } from '../event-record.ts'
import { REVIEW_STATES } from '../frontier-file.ts'
import { CONFLICT_RESOLVED, checkFrontierPayload } from '../frontier-payload.ts'
import { type Json, JsonNumber } from '../value.ts'
import { type Body, textOf, withMembers } from './body.ts'
import { FIELD_KINDS, FIELDS, type Field } from './fields.ts'
import { noteVerdict, withVerdict } from './judging.ts'
import { malformed } from './payload.ts'
import { noteSetter } from './setters.ts'
import type { Step } from './state.ts'

/** frontier.conflict_resolved */
export function resolveConflict(step: Step): void {
  const { payload, event, text } = step
  checkFrontierPayload(CONFLICT_RESOLVED, event.payload)
  checkDecider({ text, head: { ...event, signed: event.signature !== undefined } }, payload, step.view.deciders)
  const choice = payload.get('choice')
  if (!(choice instanceof Map)) return
  const field = FIELDS.find(name => FIELD_KINDS[name] === choice.get('kind'))
  // A finding that one side lacks is settled by having it, not by a value.
  if (field === undefined) return
  const id = textOf(choice, 'finding_id') ?? ''
  const finding = step.object('findings', id)
  const chosen = choice.has('value') ? choice.get('value')! : standingValue(step, { id, field, choice })
  set(step, { id, finding, field, value: chosen })
}

/** @throws ReplicaError ERR_EVENT_TARGET where the event's effect was replaced: then only a value can say what is meant */
function standingValue(step: Step, { id, field, choice }: { id: string; field: Field; choice: Body }): Json {
  const event = textOf(choice, 'event') ?? ''
  const setters = step.view.standing.get(id)?.[field]?.setters ?? []
  const setter = setters.find(one => one.event === event)
  if (setter !== undefined) return setter.value
  throw new ReplicaError('ERR_EVENT_TARGET', `${excerpt(event)} does not stand for the finding's ${field}`)
}

interface Setting {
  readonly id: string
  readonly finding: Body
  readonly field: Field
  readonly value: Json
}

/** @throws ReplicaError ERR_EVENT_SHAPE for a value that the field can't have */
function set(step: Step, { id, finding, field, value }: Setting): void {
  const wrong = () => malformed(`payload.choice.value is no value of ${field}`)
  if (field === 'review_state') {
    const verdict = REVIEW_STATES.find(state => state === value)
    if (verdict === undefined) throw wrong()
    step.write('findings', id, withVerdict(finding, verdict))
    return noteVerdict(step, id, verdict)
  }
  const written = withValue(finding, field, value)
  if (written === undefined) throw wrong()
  step.write('findings', id, written)
  noteSetter(step, id, { field, value })
  if (field === 'retracted') noteSetter(step, id, { field: 'polarity', value: value === true ? 'against' : 'for' })
}

function withValue(finding: Body, field: Exclude<Field, 'review_state'>, value: Json): Body | undefined {
  switch (field) {
    case 'confidence':
      if (!(value instanceof JsonNumber)) return undefined
      return withMembers(finding, ['confidence'], { score: JsonNumber.float(value.toNumber()) })
    case 'text':
      return typeof value === 'string' ? withMembers(finding, ['assertion'], { text: value }) : undefined
    case 'retracted':
      return typeof value === 'boolean' ? withMembers(finding, ['flags'], { retracted: value }) : undefined
    case 'superseded':
      if (typeof value !== 'boolean' && typeof value !== 'string') return undefined
      return withMembers(finding, ['flags'], { superseded: value !== false })
    case 'polarity':
      return typeof value === 'string' ? withPolarity(finding, value) : undefined
  }
}

/** Who chooses what speaks for a finding takes a retraction back; what speaks against it contests it. */
function withPolarity(finding: Body, value: string): Body | undefined {
  if (value === 'for' || value === 'for:positive' || value === 'for:negative')
    return withMembers(finding, ['flags'], { retracted: false, contested: false })
  return value === 'against' || value === 'open' ? withMembers(finding, ['flags'], { contested: true }) : undefined
}
