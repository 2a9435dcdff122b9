// Causal closure of nodes against a stored log: asks its index for the parents named, so it costs the incoming set, never the log.
// The same question over (id, parents) pairs is vela/closure.ts. Specification: protocol/admission.md, D1 to D6.

import type { Digest } from '../base/bytes.ts'
import { DigestSet, digestKey } from '../base/bytes.ts'
import type { FrontierStore } from '../store/store.ts'

export {
  type Action,
  type Closure,
  causalClosure,
  classify,
  type IdPair,
  isCausallyClosed,
  missingAncestors,
} from '../graph/causal-closure.ts'

/**
 * The same question for nodes against a stored log, which is closed by itself: only parents outside the incoming set are
 * looked up, each once, in one batch. `missing` is in byte order.
 */
export async function classifyIncoming(
  log: FrontierStore,
  incoming: readonly { readonly digest: Digest; readonly parents: readonly Digest[] }[],
): Promise<{ kind: 'proceed' } | { kind: 'fetch'; missing: Digest[] }> {
  const present = new Set(incoming.map(node => digestKey(node.digest)))
  const outside = new DigestSet()
  for (const node of incoming) {
    for (const parent of node.parents) if (!present.has(digestKey(parent))) outside.add(parent)
  }
  const asked = outside.sorted()
  const places = await log.locate(asked)
  const missing = asked.filter((_, i) => places[i] === undefined)
  return missing.length === 0 ? { kind: 'proceed' } : { kind: 'fetch', missing }
}
