// The trace of a log: a digest that depends on the nodes at some of its places. Two logs of one
// store that went apart, as after a restore from a copy, have different traces where one has
// replaced nodes of the other. Spec: protocol/sync.md, S18 and S25.

import { type Digest, equals, sha256 } from '../base/bytes.ts'
import { hasCode } from '../base/errors.ts'
import type { NodeReader } from '../store/store.ts'

/** Nodes at the end that a trace has, one by one. Before them the distance doubles. */
const LAST_NODES = 16

/** The trace of a log that could not be read for it: it says nothing. */
export const NO_TRACE: Digest = new Uint8Array(32)

/**
 * Returns SHA-256 over the digests of the nodes at the places of the trace, newest first; of the
 * empty string for a log without nodes; NO_TRACE where one of these nodes is damaged.
 * @param log the log, which has at least `count` nodes
 */
export async function logTrace(log: Pick<NodeReader, 'read'>, count: number): Promise<Digest> {
  try {
    const rows = await log.read(tracePlaces(count))
    return sha256(Buffer.concat(rows.map(({ digest }) => digest)))
  } catch (error) {
    if (hasCode(error, 'ERR_STORE_CORRUPT')) return NO_TRACE
    throw error
  }
}

/** Whether a trace says that a log of this trace is of another history. */
export function isOtherTrace(stated: Digest, own: Digest): boolean {
  return !equals(stated, own) && !equals(stated, NO_TRACE) && !equals(own, NO_TRACE)
}

/** Sequence numbers of the nodes in the trace of the first `count` nodes, descending. */
export function tracePlaces(count: number): number[] {
  const places: number[] = []
  for (let back = 1; back <= count; back += back < LAST_NODES ? 1 : back) places.push(count - back)
  if (count > 0 && places.at(-1) !== 0) places.push(0)
  return places
}
