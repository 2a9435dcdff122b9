// Ancestors and documents that a sink misses: noted as admission names them, looked up in its own store, wanted by name from the source, and
// answered by a node or a lack. Each is wanted once and their number is bounded, so ancestors without end come to one.
// Specification: protocol/sync.md, S33 to S35 and S37.

import { lowerBound } from '../base/binary-search.ts'
import { compare, type Digest, equals } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { WIRE_LIMITS } from '../base/limits.ts'
import { type Channel, type Effect, type Sink, saveCursor, send } from './connection.ts'

const { idsPerWantMax, wantsOutstandingMax, wantsPerChannelMax, sinkIdsMax } = WIRE_LIMITS

/** Remembers an ancestor to look up, unless it is known where it is. @throws ERR_SYNC_LIMIT for ancestors without end */
export function recordMissing(sink: Sink, id: Digest): void {
  if (sink.asked.has(id) || sink.heldIds.has(id) || isRefused(sink, id)) return
  if (sink.missing.size >= wantsPerChannelMax) throw tooManyMissing()
  sink.missing.add(id)
}

/** Remembers a block of a document likewise. */
export function recordDocument(sink: Sink, id: Digest): void {
  if (sink.asked.has(id)) return
  recordMissing(sink, id)
  sink.documents.add(id)
}

/** Once there are too many refused ids to keep in mind, nothing counts as lacking any more: asking again would not end. */
function isRefused(sink: Sink, id: Digest): boolean {
  return sink.refusedIds.size >= sinkIdsMax || sink.refusedIds.has(id)
}

/** Notes the lacking heads that can still be asked for; false when there are none. */
export function requestMissing(sink: Sink, missing: readonly Digest[]): boolean {
  const requested = missing.filter(id => !sink.asked.has(id) && !isRefused(sink, id))
  for (const id of requested) sink.missing.add(id)
  return requested.length > 0
}

/** The next ancestors to look up, as many as may be wanted if they lack. */
export function takeMissing(sink: Sink): Digest[] {
  const max = Math.min(wantsOutstandingMax - sink.wanted.size, idsPerWantMax)
  const taken: Digest[] = []
  for (const id of sink.missing) {
    if (taken.length >= max) break
    taken.push(id)
  }
  for (const id of taken) sink.missing.delete(id)
  return taken
}

/**
 * Asks for ancestors and documents by name. Unless the ancestors are those of nodes held long ago, the source's plan should have had them: whatever
 * cursor kept them out is forgotten first, so that a session that can't finish what costs a round trip a generation is
 * followed by one that searches the whole log.
 */
export function sendWants(channel: Channel, sink: Sink, ids: readonly Digest[], out: Effect[]): void {
  if (ids.length === 0) return
  if (sink.asked.size + ids.length > wantsPerChannelMax) throw tooManyMissing()
  // No short cut: each id is to be taken out.
  const ancestors = ids.filter(id => !sink.documents.delete(id))
  if (ancestors.length > 0 && !sink.waitsRequested && !sink.planFailed) {
    sink.planFailed = true
    if ((channel.mine!.cursor?.seq ?? 0) > 0) saveCursor(channel, 0, out)
  }
  for (const id of ids) {
    sink.asked.add(id)
    sink.wanted.add(id)
  }
  for (let from = 0; from < ids.length; from += idsPerWantMax) {
    send(out, { t: 'want', ch: channel.ch, ids: ids.slice(from, from + idsPerWantMax) })
  }
}

export function onLack(channel: Channel, sink: Sink, ids: readonly Digest[]): void {
  for (const id of ids) {
    if (!sink.wanted.delete(id)) {
      throw new ReplicaError('ERR_SYNC_UNSOLICITED', 'a lack names an id that was not wanted')
    }
    if (sink.rounds === 0 && includesSorted(channel.theirHeads, id)) {
      throw new ReplicaError('ERR_SYNC_HEADS', `${channel.frontier}: the source lacks a head that it stated`)
    }
  }
}

/** Whether `id` is one of these, which ascend. */
function includesSorted(ids: readonly Digest[], id: Digest): boolean {
  const at = lowerBound(ids.length, index => compare(ids[index]!, id) < 0)
  return at < ids.length && equals(ids[at]!, id)
}

function tooManyMissing(): ReplicaError {
  return new ReplicaError('ERR_SYNC_LIMIT', `more than ${wantsPerChannelMax} missing ancestors in one session`)
}
