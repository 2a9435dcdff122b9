// The replay order of a stored log. One scan gathers 45 bytes a node in flat arrays (label, 16 bytes of event digest, 16
// of node digest, number of parents) and 4 bytes a parent; then ranks replace them. The peak is near 60 bytes a node and 8 a parent,
// 70 MB for a chain of a million. Ids are 64-bit labels: where two contents share one, the event digest decides, then the node
// digest, both by their first 128 bits. Specification: protocol/admission.md, D8 and D9.

import { setImmediate } from 'node:timers/promises'
import { type Digest, sha256 } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { eventIdPrefixOf } from '../event/event-scanner.ts'
import { type Graph, topologicalSort } from '../graph/topological-sort.ts'
import { decodeNode } from '../node/node.ts'
import type { FrontierStore } from '../store/store.ts'

/** Words of 32 bits kept for a node: two of label, four of event digest, four of node digest. */
export const KEY_WORDS = 10
export const LABEL_WORDS = 2
const EVENT_WORDS = 6

export interface ReplayOptions {
  /** `once` (the default): nodes that carry one event appear once, at the first place. `all`: every node. */
  readonly twins?: 'once' | 'all'
  readonly signal?: AbortSignal
}

/**
 * Sequence numbers in replay order, of the nodes stored when the call is made.
 * @throws ReplicaError ERR_STORE_CORRUPT, ERR_ABORTED
 */
export async function replaySeqs(log: FrontierStore, options: ReplayOptions = {}): Promise<Uint32Array> {
  const graph = await rank(await gather(log, options.signal))
  const walk = topologicalSort(graph)
  for (;;) {
    const step = walk.next()
    if (step.done) return options.twins === 'all' ? step.value : firstOfEach(step.value, graph)
    await setImmediate()
    if (options.signal?.aborted) throw new ReplicaError('ERR_ABORTED', 'the replay order was given up')
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

async function gather(log: FrontierStore, signal: AbortSignal | undefined): Promise<Gathered> {
  const count = log.nodes
  const keys = new Uint32Array(count * KEY_WORDS)
  const degrees = new Uint8Array(count)
  let parents = new Uint32Array(count + (count >> 3) + 64)
  let edges = 0
  for await (const rows of log.scan({ from: 0, to: count })) {
    if (signal?.aborted) throw new ReplicaError('ERR_ABORTED', 'the replay order was given up')
    for (const row of rows) {
      writeKey(keys, row.seq, { event: decodeNode(row.bytes).event, digest: row.digest })
      degrees[row.seq] = row.parents.length
      if (edges + row.parents.length > parents.length) {
        const larger = new Uint32Array(parents.length + (parents.length >> 1) + row.parents.length)
        larger.set(parents)
        parents = larger
      }
      for (const parent of row.parents) parents[edges++] = parent
    }
    await setImmediate()
  }
  return { keys, degrees, parents: parents.subarray(0, edges) }
}

/** What a node is sorted by: the label and the text of its event, then itself. */
export function writeKey(keys: Uint32Array, seq: number, node: { event: Uint8Array; digest: Digest }): void {
  const at = seq * KEY_WORDS
  putWords(keys, at, eventIdPrefixOf(node.event))
  putWords(keys, at + LABEL_WORDS, sha256(node.event).subarray(0, 16))
  putWords(keys, at + EVENT_WORDS, node.digest.subarray(0, 16))
}

/** Big-endian, so that words compare as the bytes do. */
function putWords(keys: Uint32Array, at: number, bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i += 4) {
    keys[at + (i >> 2)] = (bytes[i]! << 24) | (bytes[i + 1]! << 16) | (bytes[i + 2]! << 8) | bytes[i + 3]!
  }
}

/** Lets go of the keys: what comes after needs only their order. */
async function rank({ keys, degrees, parents }: Gathered): Promise<Ranked> {
  const sorted = await sortByKey(keys)
  const ranks = new Uint32Array(sorted.length)
  for (let i = 0; i < sorted.length; i++) ranks[sorted[i]!] = i
  return { degrees, parents, ranks, events: eventRanks(sorted, keys) }
}

/** Nodes by label, event digest, node digest: a radix sort by label in four passes, then the few that share one. */
export async function sortByKey(keys: Uint32Array): Promise<Uint32Array> {
  const count = keys.length / KEY_WORDS
  let sorted = Uint32Array.from({ length: count }, (_, i) => i)
  let spare = new Uint32Array(count)
  const starts = new Uint32Array(65_537)
  for (const [word, shift] of [
    [1, 0],
    [1, 16],
    [0, 0],
    [0, 16],
  ] as const) {
    starts.fill(0)
    for (let node = 0; node < count; node++) {
      const digit = (keys[node * KEY_WORDS + word]! >>> shift) & 0xffff
      starts[digit + 1] = starts[digit + 1]! + 1
    }
    for (let digit = 0; digit < 65_536; digit++) starts[digit + 1] = starts[digit + 1]! + starts[digit]!
    for (let i = 0; i < count; i++) {
      const node = sorted[i]!
      const digit = (keys[node * KEY_WORDS + word]! >>> shift) & 0xffff
      const to = starts[digit]!
      spare[to] = node
      starts[digit] = to + 1
    }
    ;[sorted, spare] = [spare, sorted]
    await setImmediate()
  }
  sortTwins(sorted, keys)
  return sorted
}

/** Within each run of one label, by the rest of the key. */
function sortTwins(sorted: Uint32Array, keys: Uint32Array): void {
  const byRest = (a: number, b: number): number => compareWords(keys, a, b, LABEL_WORDS, KEY_WORDS)
  let from = 0
  for (let to = 1; to <= sorted.length; to++) {
    if (to < sorted.length && compareWords(keys, sorted[from]!, sorted[to]!, 0, LABEL_WORDS) === 0) continue
    if (to - from > 1) sorted.subarray(from, to).sort(byRest)
    from = to
  }
}

export function compareWords(keys: Uint32Array, a: number, b: number, from: number, to: number): number {
  for (let word = from; word < to; word++) {
    const difference = keys[a * KEY_WORDS + word]! - keys[b * KEY_WORDS + word]!
    if (difference !== 0) return difference
  }
  return 0
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
