// Determines the owner of a frontier: the key of the first stored node, and the keys that belong to
// the same party. Those are all keys of this replica, or all keys that a peer had one after the
// other. Spec: protocol/http.md, H13; protocol/replay.md, R20; protocol/text.md, X13.

import { fromHex, toHex } from '../base/bytes.ts'
import { decodeNode } from '../node/node.ts'
import type { NodeReader } from '../store/store.ts'
import type { Registry } from './registry.ts'

/**
 * Returns the key of the first stored node, 64 hex digits; undefined for a frontier without nodes.
 */
export async function founderKey(log: NodeReader): Promise<string | undefined> {
  if (log.nodes === 0) return undefined
  const [row] = await log.read([0])
  return toHex(decodeNode(row!.bytes).key)
}

/** Returns the owner's keys, 64 hex digits each; none for a frontier without nodes. */
export async function founderKeys(frontier: {
  readonly log: NodeReader
  readonly registry: Registry
}): Promise<ReadonlySet<string>> {
  const first = await founderKey(frontier.log)
  return first === undefined ? new Set() : ownerKeys(first, frontier.registry)
}

/** Returns the keys of the party that has or had the key `first`. */
export function ownerKeys(first: string, registry: Registry): ReadonlySet<string> {
  if (registry.ownKeys.includes(first)) return new Set(registry.ownKeys)
  const cuts = registry.cuts()
  const id = registry.byKey(fromHex(first)!)?.id ?? cuts.find(cut => cut.publicKey === first)?.id
  if (id === undefined) return new Set([first])
  const former = cuts.filter(cut => cut.id === id).map(cut => cut.publicKey)
  const present = registry.get(id)?.publicKey
  return new Set([first, ...former, ...(present === undefined ? [] : [present])])
}
