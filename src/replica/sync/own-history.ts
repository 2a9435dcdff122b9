// Compares the cursor of a peer with the log that it names. A peer that has seen more of this store
// than it has, or other nodes, shows that the store was restored from a copy, or that a copy of it
// runs elsewhere. Spec: protocol/sync.md, S25.

import { toHex } from '../../base/bytes.ts'
import type { PeerIdentity } from '../../sync/connection.ts'
import { isOtherTrace } from '../../sync/log-trace.ts'
import type { Cursor } from '../../sync/message.ts'
import type { Frontier } from '../frontier.ts'
import type { ReplicaContext } from '../replica-context.ts'

/**
 * Returns the sequence number of a cursor of this store if it is of this log, else undefined. A
 * cursor of another history is an alarm and a journal entry, if the peer is registered.
 */
export async function usableCursor(
  context: ReplicaContext,
  frontier: Frontier,
  { cursor, peer }: { readonly cursor: Cursor | undefined; readonly peer: PeerIdentity },
): Promise<number | undefined> {
  if (cursor === undefined) return undefined
  const { log } = frontier
  const { seq, trace } = cursor
  if (seq <= log.nodes && !isOtherTrace(trace, await frontier.trace(seq))) return seq
  const registered = frontier.registry.byKey(peer.key)
  if (registered !== undefined) await noteLoss(context, frontier, { seq, key: peer.key, hub: registered.id })
  return undefined
}

/** Tells the operator once for each such cursor. */
async function noteLoss(
  context: ReplicaContext,
  { log, lossesTold }: Frontier,
  { seq, key, hub }: { readonly seq: number; readonly key: Uint8Array; readonly hub: string },
): Promise<void> {
  const told = `${toHex(key)}/${seq}`
  if (lossesTold.get(told)) return
  lossesTold.set(told, true)
  const isShort = seq > log.nodes
  const kind = isShort ? 'store.rolled-back' : 'store.forked'
  const what = isShort
    ? `${hub} has seen ${seq} nodes of ${log.name} in this store, which has ${log.nodes}: it was restored from an older copy`
    : `${hub} has seen other nodes of ${log.name} in this store: it was restored, or a copy of it runs elsewhere`
  context.emit({ kind: 'alarm', message: what, facts: { frontier: log.name, peer: hub, seen: seq, nodes: log.nodes } })
  const store = toHex(context.store.id)
  await context.journal.write(log.name, kind, { peer: hub, key: toHex(key), store, seen: seq, nodes: log.nodes })
}
