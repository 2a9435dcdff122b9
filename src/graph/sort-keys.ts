// Sort keys of nodes: event id, then 128 bits of the event digest, then 128 bits of the node
// digest; ten 32-bit words per node in one array. Ids have 64 bits, so two contents may share one;
// then the digests decide. Spec: protocol/admission.md, D8 and D9.

import type { Digest } from '../base/bytes.ts'
import { yieldToEventLoop } from '../base/cooperative.ts'

/** 32-bit words per key: two of the event id, four of the event digest, four of the node digest. */
export const KEY_WORDS = 10
/** Words of the event id, at the start of a key. */
export const LABEL_WORDS = 2
/** Words of event id and event digest, at the start of a key. */
export const EVENT_WORDS = 6

/** The parts of a sort key. */
export interface KeyedNode {
  /** The 8 bytes of the event id. */
  readonly label: Uint8Array
  /** SHA-256 of the text. */
  readonly event: Digest
  readonly digest: Digest
}

/** Writes the key of node `seq` to its place in `keys`. */
export function writeKey(keys: Uint32Array, seq: number, node: KeyedNode): void {
  const at = seq * KEY_WORDS
  putWords(keys, at, node.label)
  putWords(keys, at + LABEL_WORDS, node.event.subarray(0, 16))
  putWords(keys, at + EVENT_WORDS, node.digest.subarray(0, 16))
}

/** Big-endian, so that words compare as the bytes do. */
function putWords(keys: Uint32Array, at: number, bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i += 4) {
    keys[at + (i >> 2)] = (bytes[i]! << 24) | (bytes[i + 1]! << 16) | (bytes[i + 2]! << 8) | bytes[i + 3]!
  }
}

/**
 * Returns the nodes in the order of their keys. A radix sort by event id in four passes, then a
 * comparison sort of the few nodes that share an id. Yields to the event loop after each pass.
 */
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
    await yieldToEventLoop()
  }
  sortTwins(sorted, keys)
  return sorted
}

/** Sorts each run of one event id by the rest of the key. */
function sortTwins(sorted: Uint32Array, keys: Uint32Array): void {
  const byRest = (a: number, b: number): number => compareWords(keys, a, b, LABEL_WORDS, KEY_WORDS)
  let from = 0
  for (let to = 1; to <= sorted.length; to++) {
    if (to < sorted.length && compareWords(keys, sorted[from]!, sorted[to]!, 0, LABEL_WORDS) === 0) continue
    if (to - from > 1) sorted.subarray(from, to).sort(byRest)
    from = to
  }
}

/** Compares the words `from` up to `to` of the keys of nodes `a` and `b`. */
export function compareWords(keys: Uint32Array, a: number, b: number, from: number, to: number): number {
  for (let word = from; word < to; word++) {
    const difference = keys[a * KEY_WORDS + word]! - keys[b * KEY_WORDS + word]!
    if (difference !== 0) return difference
  }
  return 0
}
