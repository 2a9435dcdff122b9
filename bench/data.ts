// Seeded generated logs with the shape of real ones: DAGs by shape, and their signed nodes. One
// seed gives the same bytes on every machine, so counts in benchmarks can be asserted. Nodes are
// generated one by one with a bounded window of the past, so a million nodes need no more memory
// than a thousand.

import type { Digest } from '../src/base/bytes.ts'
import type { Key } from '../src/crypto/key.ts'
import { makeEvent } from '../src/event/event.ts'
import { buildNode, type Made } from '../test/support/nodes.ts'
import { events, type TimedDraft } from './event-data.ts'

export { events, type TimedDraft } from './event-data.ts'

/** One node of a plan: its writer and its parents, as ascending indexes. */
export interface Step {
  readonly writer: number
  readonly parents: readonly number[]
}

export type Shape = 'chain' | 'mesh' | 'wide' | 'heads'
export const shapes: readonly Shape[] = ['chain', 'mesh', 'wide', 'heads']

/** Number of heads of the shape `heads`, if it has more nodes. */
export const headsMany = 1000
/** Number of concurrent nodes of `wide` between two that join them. */
export const wideSiblings = 32
/** Maximum distance of a parent in a plan. */
export const reachMax = 1024

const mergeEvery = 10

/**
 * The plan of a DAG, parents before children. `chain`: one writer, each node on the last. `mesh`:
 * two writers, each on its last node; every tenth node joins both. `wide`: 32 concurrent nodes on
 * one, then one that joins them. `heads`: a thousand concurrent chains on one root, never joined.
 */
export function* plan(shape: Shape, count: number): Generator<Step> {
  if (shape === 'mesh') return yield* mesh(count)
  for (let index = 0; index < count; index++) {
    if (shape === 'chain') yield { writer: 0, parents: index === 0 ? [] : [index - 1] }
    else if (shape === 'wide') yield wideStep(index)
    else yield { writer: index, parents: index === 0 ? [] : [Math.max(0, index - headsMany)] }
  }
}

function* mesh(count: number): Generator<Step> {
  const heads: (number | undefined)[] = [undefined, undefined]
  for (let index = 0; index < count; index++) {
    const joins = index % mergeEvery === mergeEvery - 1
    const writer = joins ? Math.floor(index / mergeEvery) % 2 : index % 2
    const parents = (joins ? heads : [heads[writer]]).filter(head => head !== undefined)
    yield { writer, parents: parents.sort((a, b) => a - b) }
    if (joins) heads.fill(index)
    else heads[writer] = index
  }
}

function wideStep(index: number): Step {
  const place = index % (wideSiblings + 1)
  if (index === 0) return { writer: 0, parents: [] }
  if (place > 0) return { writer: place, parents: [index - place] }
  return { writer: 0, parents: Array.from({ length: wideSiblings }, (_, sibling) => index - wideSiblings + sibling) }
}

export type MadeNode = Made

/**
 * `keys`: the writer of a step signs with the key of its number, modulo their count. `on`: parents
 * of the first nodes.
 */
export interface LogOptions {
  readonly seed: number
  readonly shape: Shape
  readonly count: number
  readonly frontier: string
  readonly keys: readonly Key[]
  readonly on?: readonly { digest: Digest; height: number }[]
}

/** The nodes of a generated log, parents first, ready for admission. */
export function* signedNodes(options: LogOptions): Generator<MadeNode> {
  const { seed, shape, count, frontier, keys, on = [] } = options
  const drafts = events(seed, count)
  const recent: MadeNode[] = []
  let index = 0
  for (const { writer, parents } of plan(shape, count)) {
    const below = parents.length === 0 ? on : parents.map(parent => recent[parent % reachMax]!)
    const node = signedNode(drafts.next().value!, keys[writer % keys.length]!, frontier, below)
    recent[index % reachMax] = node
    index++
    yield node
  }
}

/** Returns a node with this draft on these parents. */
export function signedNode(
  draft: TimedDraft,
  key: Key,
  frontier: string,
  below: readonly { digest: Digest; height: number }[],
): MadeNode {
  return buildNode(key, { event: makeEvent(draft).text, frontier, parents: below })
}
