// Computes the replay order of a stored log. One scan gathers 45 bytes per node in flat arrays
// (label, 16 bytes each of event digest and node digest, number of parents) and 4 bytes per parent;
// ranks then replace them. The peak is near 60 bytes per node and 8 per parent: 70 MB for a chain
// of a million. Ids are 64-bit labels. If two events share one, the event digest decides, then the
// node digest, by their first 128 bits. Spec: protocol/admission.md, D8 and D9.

import { yieldToEventLoop } from '../base/cooperative.ts'
import { abortError } from '../base/signal.ts'
import { compareWords, EVENT_WORDS, KEY_WORDS, sortByKey, writeKey } from '../graph/sort-keys.ts'
import { type Graph, topologicalSort } from '../graph/topological-sort.ts'
import { decodeNode } from '../node/node.ts'
import type { NodeReader } from '../store/store.ts'

export interface ReplayOptions {
  /**
   * `once` (the default): nodes that carry the same event appear once, at the first place. `all`:
   * every node appears.
   */
  readonly duplicates?: 'once' | 'all'
  readonly signal?: AbortSignal
}

/**
 * Returns sequence numbers in replay order, of the nodes that are stored at the call.
 * @throws ReplicaError ERR_STORE_CORRUPT, ERR_ABORTED
 */
export async function replaySeqs(log: NodeReader, options: ReplayOptions = {}): Promise<Uint32Array> {
  const graph = await rank(await gather(log, options.signal))
  const walk = topologicalSort(graph)
  for (;;) {
    const step = walk.next()
    if (step.done) return options.duplicates === 'all' ? step.value : firstOfEach(step.value, graph)
    await yieldToEventLoop()
    if (options.signal?.aborted) throw abortError(options.signal, 'the replay order was aborted')
  }
}

interface Gathered {
  readonly keys: Uint32Array
  readonly degrees: Uint8Array
  readonly parents: Uint32Array
}

interface Ranked extends Graph {
  /** For each rank, the rank of the first node with the same event. */
  readonly events: Uint32Array
}

async function gather(log: NodeReader, signal: AbortSignal | undefined): Promise<Gathered> {
  const count = log.nodes
  const keys = new Uint32Array(count * KEY_WORDS)
  const degrees = new Uint8Array(count)
  let parents = new Uint32Array(count + (count >> 3) + 64)
  let edges = 0
  for await (const rows of log.scan({ from: 0, to: count })) {
    if (signal?.aborted) throw abortError(signal, 'the replay order was aborted')
    for (const row of rows) {
      const { label, event } = decodeNode(row.bytes)
      writeKey(keys, row.seq, { label, event, digest: row.digest })
      degrees[row.seq] = row.parents.length
      if (edges + row.parents.length > parents.length) {
        const larger = new Uint32Array(parents.length + (parents.length >> 1) + row.parents.length)
        larger.set(parents)
        parents = larger
      }
      for (const parent of row.parents) parents[edges++] = parent
    }
    await yieldToEventLoop()
  }
  return { keys, degrees, parents: parents.subarray(0, edges) }
}

/** Frees the keys: only their order is needed afterwards. */
async function rank({ keys, degrees, parents }: Gathered): Promise<Ranked> {
  const sorted = await sortByKey(keys)
  const ranks = new Uint32Array(sorted.length)
  for (let i = 0; i < sorted.length; i++) ranks[sorted[i]!] = i
  return { degrees, parents, ranks, events: eventRanks(sorted, keys) }
}

function eventRanks(sorted: Uint32Array, keys: Uint32Array): Uint32Array {
  const first = new Uint32Array(sorted.length)
  for (let rank = 1; rank < sorted.length; rank++) {
    const same = compareWords(keys, sorted[rank - 1]!, sorted[rank]!, 0, EVENT_WORDS) === 0
    first[rank] = same ? first[rank - 1]! : rank
  }
  return first
}

function firstOfEach(order: Uint32Array, { ranks, events }: Ranked): Uint32Array {
  const seen = new Uint8Array(order.length)
  let kept = 0
  for (const node of order) {
    const event = events[ranks[node]!]!
    if (seen[event] === 1) continue
    seen[event] = 1
    order[kept++] = node
  }
  return order.subarray(0, kept)
}
