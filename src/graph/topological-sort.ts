// Deterministic topological sort: parents first; among the events whose parents are all sorted, the
// least id first. The order depends on the DAG alone and not on arrival, so equal sets have equal
// orders. The algorithm works on typed arrays without an object per node. replica/log-order.ts
// applies it to a stored log. Spec: protocol/admission.md, D7 and D10.

import { compareText } from '../base/text.ts'
import type { IdPair } from './causal-closure.ts'
import { Heap } from './heap.ts'

/**
 * A DAG of nodes 0 … n−1. `parents` holds the parents of node 0, then of node 1 …; node i has
 * `degrees[i]` of them.
 */
export interface Graph {
  readonly degrees: Uint32Array | Uint8Array
  readonly parents: Uint32Array
  /** Rank of each node by id: a permutation of 0 … n−1. */
  readonly ranks: Uint32Array
}

/** Nodes sorted between two pauses. */
const STEP_NODES = 16_384

/**
 * Returns the ids in replay order, each once; undefined if a parent is missing or the pairs form a
 * cycle.
 */
export function topologicalOrder(events: readonly IdPair[]): string[] | undefined {
  const parentsOf = new Map<string, Set<string>>()
  for (const event of events) {
    const before = parentsOf.get(event.id)
    if (before === undefined) parentsOf.set(event.id, new Set(event.parents))
    else for (const parent of event.parents) before.add(parent)
  }
  const ids = [...parentsOf.keys()].sort(compareText)
  const indexes = new Map(ids.map((id, i) => [id, i]))
  const lists = ids.map(id => [...parentsOf.get(id)!].map(parent => indexes.get(parent)))
  if (lists.some(list => list.includes(undefined))) return undefined
  const order = placeAll({
    degrees: Uint32Array.from(lists, list => list.length),
    parents: Uint32Array.from(lists.flat() as number[]),
    ranks: Uint32Array.from(ids.keys()),
  })
  return order.length === ids.length ? Array.from(order, i => ids[i]!) : undefined
}

/**
 * Compares by timestamp as text, then by id: the order of a folder of events and of the reference's
 * own replay.
 */
export function compareByTime(
  a: { readonly id: string; readonly timestamp: string },
  b: { readonly id: string; readonly timestamp: string },
): number {
  return compareText(a.timestamp, b.timestamp) || compareText(a.id, b.id)
}

function placeAll(graph: Graph): Uint32Array {
  const walk = topologicalSort(graph)
  for (;;) {
    const step = walk.next()
    if (step.done) return step.value
  }
}

/**
 * Returns the nodes in replay order; fewer than all if the graph has a cycle. Yields after every
 * 16,384 nodes, so that a caller can pause. Needs about 21 bytes per node and 4 per edge in
 * addition to the graph.
 */
export function* topologicalSort({ degrees, parents, ranks }: Graph): Generator<void, Uint32Array, void> {
  const count = degrees.length
  const { starts, children } = invert(degrees, parents)
  const open = degrees.slice()
  const byRank = new Uint32Array(count)
  for (let node = 0; node < count; node++) byRank[ranks[node]!] = node
  yield
  const ready = new Heap(count)
  for (let node = 0; node < count; node++) if (open[node] === 0) ready.push(ranks[node]!)
  const order = new Uint32Array(count)
  let placed = 0
  for (let rank = ready.pop(); rank !== undefined; rank = ready.pop()) {
    const node = byRank[rank]!
    order[placed++] = node
    for (let at = starts[node]!; at < starts[node + 1]!; at++) {
      const child = children[at]!
      open[child] = open[child]! - 1
      if (open[child] === 0) ready.push(ranks[child]!)
    }
    if (placed % STEP_NODES === 0) yield
  }
  return order.subarray(0, placed)
}

/**
 * Turns parent lists into child lists. The children of node i begin at `starts[i]` and end before
 * `starts[i + 1]`.
 */
function invert(degrees: Graph['degrees'], parents: Uint32Array): { starts: Uint32Array; children: Uint32Array } {
  const count = degrees.length
  const starts = new Uint32Array(count + 1)
  let edges = 0
  for (let node = 0; node < count; node++) edges += degrees[node]!
  for (let at = 0; at < edges; at++) starts[parents[at]! + 1] = starts[parents[at]! + 1]! + 1
  for (let node = 0; node < count; node++) starts[node + 1] = starts[node + 1]! + starts[node]!
  const next = starts.slice(0, count)
  const children = new Uint32Array(edges)
  let at = 0
  for (let node = 0; node < count; node++) {
    for (let left = degrees[node]!; left > 0; left--) {
      const parent = parents[at++]!
      children[next[parent]!] = node
      next[parent] = next[parent]! + 1
    }
  }
  return { starts, children }
}
