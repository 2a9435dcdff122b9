// Reducers of events that add to a finding or refine it: notes, evidence, entities, the kind of
// cause it claims. Spec: protocol/replay.md, R8.

import { ReplicaError } from '../../base/errors.ts'
import { excerpt } from '../../base/text.ts'
import { type Json, JsonNumber } from '../../json/value.ts'
import { ENTITIES, itemIndex, SPANS, withItem } from './grow-only-lists.ts'
import { bodyOf, listAt, textOf, withMembers } from './json-path.ts'
import { withAnnotation } from './reduce-reviews.ts'
import { malformed, numberIn, objectIn, textIn, wordIn } from './reducer-payload.ts'
import type { Step } from './state.ts'

/** finding.noted and finding.caveated */
export function annotateFinding(step: Step): void {
  const { payload, event } = step
  const { id } = event.target
  const given = payload.get('provenance')
  const note = {
    id: textIn(payload, 'annotation_id'),
    text: textIn(payload, 'text'),
    ...(given instanceof Map ? { provenance: given } : {}),
  }
  step.write('findings', id, withAnnotation(step.object('findings', id), step, note))
}

/** finding.span_repaired */
export function repairSpan(step: Step): void {
  const id = findingTarget(step)
  const span = { section: textIn(step.payload, 'section'), text: textIn(step.payload, 'text') }
  const repaired = withItem(step, SPANS, { id, body: step.object('findings', id), item: bodyOf(span) })
  if (repaired !== undefined) step.write('findings', id, repaired)
}

const METHODS = ['exact_match', 'fuzzy_match', 'llm_inference', 'manual'] as const

/** finding.entity_resolved: changes the first entity of that name. */
export function resolveEntity(step: Step): void {
  const { payload } = step
  const findingId = findingTarget(step)
  const name = textIn(payload, 'entity_name')
  const [source, id] = [textIn(payload, 'source'), textIn(payload, 'id')]
  const confidence = JsonNumber.float(numberIn(payload, 'confidence'))
  const named = textOf(payload, 'resolution_method') !== undefined
  const method = named ? wordIn(payload, 'resolution_method', METHODS) : 'manual'
  const finding = step.object('findings', findingId)
  const entities = [...listAt(finding, ENTITIES.path)]
  const at = itemIndex(step, ENTITIES, { id: findingId, body: finding, texts: [name] })
  if (at === undefined) throw new ReplicaError('ERR_EVENT_TARGET', `the finding has no entity ${excerpt(name)}`)
  entities[at] = new Map([
    ...(entities[at] as Map<string, Json>),
    ...bodyOf({
      canonical_id: bodyOf({ source, id, confidence, matched_name: textOf(payload, 'matched_name') }),
      resolution_method: method,
      resolution_provenance: textOf(payload, 'resolution_provenance') ?? 'delegated_human_curation',
      resolution_confidence: confidence,
      needs_review: false,
    }),
  ])
  step.write('findings', findingId, withMembers(finding, ['assertion'], { entities }))
}

/** finding.entity_added */
export function addEntity(step: Step): void {
  const id = findingTarget(step)
  const name = textIn(step.payload, 'entity_name')
  const type = textIn(step.payload, 'entity_type')
  const finding = step.object('findings', id)
  const entity = bodyOf({
    name,
    type,
    identifiers: new Map(),
    candidates: [],
    aliases: [],
    resolution_confidence: JsonNumber.float(1),
  })
  const grown = withItem(step, ENTITIES, { id, body: finding, item: entity })
  if (grown !== undefined) step.write('findings', id, grown)
}

const CLAIMS = ['correlation', 'mediation', 'intervention'] as const
const GRADES = ['rct', 'quasi_experimental', 'observational', 'theoretical'] as const

/** assertion.reinterpreted_causal: without a grade in the payload the grade stays. */
export function reinterpretCausal(step: Step): void {
  const { id } = step.event.target
  const after = objectIn(step.payload, 'after')
  const claim = { causal_claim: wordIn(after, 'claim', CLAIMS) }
  const graded = textOf(after, 'grade') !== undefined
  const grade = graded ? { causal_evidence_grade: wordIn(after, 'grade', GRADES) } : {}
  step.write('findings', id, withMembers(step.object('findings', id), ['assertion'], { ...claim, ...grade }))
}

/** @throws ReplicaError ERR_EVENT_SHAPE */
function findingTarget({ event }: Step): string {
  if (event.target.type !== 'finding')
    throw malformed(`the target is of type ${excerpt(event.target.type)}, not finding`)
  return event.target.id
}
