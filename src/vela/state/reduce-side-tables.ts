// Reducers of events about objects other than findings: deposit (once by id), review, retraction,
// steps of trajectories; and the access tier of any object. Spec: protocol/replay.md, R9, R10.

import { STEPS, withItem } from './grow-only-lists.ts'
import { type Body, textOf, withMembers } from './json-path.ts'
import { malformed, objectIn, textIn, verdictIn, wordIn } from './reducer-payload.ts'
import type { ObjectTable, Step } from './state.ts'

type Reducer = (step: Step) => void

/**
 * …asserted, …created, …deposited: adds the object in this member of the payload, unless its id
 * exists.
 */
export function deposit(table: ObjectTable, member: string): Reducer {
  return step => {
    const body = objectIn(step.payload, member)
    const id = textOf(body, 'id')
    if (id === undefined) throw malformed(`payload.${member}.id is missing or not a string`)
    if (!step.view.objects[table].has(id)) step.write(table, id, body)
  }
}

/** ….reviewed */
export function review(table: ObjectTable): Reducer {
  return step => setMember(step, table, { review_state: verdictIn(step.payload) })
}

/** ….retracted */
export function retract(table: ObjectTable): Reducer {
  return step => setMember(step, table, { retracted: true })
}

function setMember(step: Step, table: ObjectTable, members: Record<string, string | boolean>): void {
  const { id } = step.event.target
  step.write(table, id, withMembers(step.object(table, id), [], members))
}

/** trajectory.step_appended: appends the step, unless the trajectory has one of its id. */
export function appendStep(step: Step): void {
  const { payload } = step
  const id = textIn(payload, 'parent_trajectory_id')
  const item = objectIn(payload, 'step')
  const stepId = textOf(item, 'id')
  if (stepId === undefined) throw malformed('payload.step.id is missing or not a string')
  const trajectory: Body = step.object('trajectories', id)
  const grown = withItem(step, STEPS, { id, body: trajectory, item: new Map(item) })
  if (grown !== undefined) step.write('trajectories', id, grown)
}

const TIERED = {
  finding: 'findings',
  negative_result: 'negative_results',
  trajectory: 'trajectories',
  artifact: 'artifacts',
} as const satisfies Record<string, ObjectTable>

/** tier.set */
export function setTier(step: Step): void {
  const { payload } = step
  const type = wordIn(payload, 'object_type', Object.keys(TIERED) as (keyof typeof TIERED)[])
  const id = textIn(payload, 'object_id')
  const tier = wordIn(payload, 'new_tier', ['public', 'restricted', 'classified'])
  const table = TIERED[type]
  step.write(table, id, withMembers(step.object(table, id), [], { access_tier: tier }))
}
