// Requests ancestors and documents that a sink lacks, by id.
// Admission names them; the sink looks them up in its own store and wants the rest from the source,
// which replies with nodes or `lack`. Each id is wanted once and their number is bounded, so an
// endless chain of ancestors ends with an error.
// Spec: protocol/sync.md, S33 to S35 and S37.

import { lowerBound } from '../base/binary-search.ts'
import { compare, type Digest, equals } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { WIRE_LIMITS } from '../base/limits.ts'
import { type Channel, type Effect, type Sink, saveCursor, send } from './connection.ts'
import { NO_TRACE } from './log-trace.ts'

const { idsPerWantMax, wantsOutstandingMax, wantsPerChannelMax, sinkIdsMax } = WIRE_LIMITS

/**
 * Records an ancestor to look up, unless its state is known.
 * @throws ReplicaError ERR_SYNC_LIMIT beyond `wantsPerChannelMax` ids
 */
export function recordMissing(sink: Sink, id: Digest): void {
  if (sink.asked.has(id) || sink.heldIds.has(id) || isRefused(sink, id)) return
  if (sink.missing.size >= wantsPerChannelMax) throw tooManyMissing()
  sink.missing.add(id)
}

/**
 * Records a document block to look up.
 * @throws ReplicaError ERR_SYNC_LIMIT beyond `wantsPerChannelMax` ids
 */
export function recordDocument(sink: Sink, id: Digest): void {
  if (sink.asked.has(id)) return
  recordMissing(sink, id)
  sink.documents.add(id)
}

/**
 * Beyond `sinkIdsMax` refused ids, every id counts as refused: requesting them again would not end.
 */
function isRefused(sink: Sink, id: Digest): boolean {
  return sink.refusedIds.size >= sinkIdsMax || sink.refusedIds.has(id)
}

/** Records the missing heads that can still be wanted. Returns whether there are any. */
export function requestMissing(sink: Sink, missing: readonly Digest[]): boolean {
  const requested = missing.filter(id => !sink.asked.has(id) && !isRefused(sink, id))
  for (const id of requested) sink.missing.add(id)
  return requested.length > 0
}

/** Returns the next ids to look up, as many as may be wanted at once. */
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
 * Wants ancestors and documents by id. The source's plan should have contained an ancestor, unless
 * it belongs to a node that was held earlier. So the cursor that hid it is removed first: if this
 * session can't finish what costs one round trip per generation, the next one searches the whole
 * log.
 */
export function sendWants(channel: Channel, sink: Sink, ids: readonly Digest[], out: Effect[]): void {
  if (ids.length === 0) return
  if (sink.asked.size + ids.length > wantsPerChannelMax) throw tooManyMissing()
  // `delete` has to run for each id.
  const ancestors = ids.filter(id => !sink.documents.delete(id))
  if (ancestors.length > 0 && !sink.waitsRequested && !sink.planFailed) {
    sink.planFailed = true
    if ((channel.mine!.cursor?.seq ?? 0) > 0) saveCursor(channel, { seq: 0, trace: NO_TRACE }, out)
  }
  for (const id of ids) {
    sink.asked.add(id)
    sink.wanted.add(id)
  }
  for (let from = 0; from < ids.length; from += idsPerWantMax) {
    send(out, { t: 'want', ch: channel.ch, ids: ids.slice(from, from + idsPerWantMax) })
  }
}

/**
 * Takes a `lack`.
 * @throws ReplicaError ERR_SYNC_UNSOLICITED, ERR_SYNC_HEADS if the source lacks a head that it
 * stated
 */
export function onLack(channel: Channel, sink: Sink, ids: readonly Digest[]): void {
  for (const id of ids) {
    if (!sink.wanted.delete(id)) {
      throw new ReplicaError('ERR_SYNC_UNSOLICITED', 'a lack names an id that was not wanted')
    }
    if (sink.wantedTexts.delete(id)) continue
    if (sink.rounds === 0 && includesSorted(channel.theirHeads, id)) {
      throw new ReplicaError('ERR_SYNC_HEADS', `${channel.frontier}: the source lacks a head that it stated`)
    }
  }
}

/** Returns whether the ascending list contains `id`. */
function includesSorted(ids: readonly Digest[], id: Digest): boolean {
  const at = lowerBound(ids.length, index => compare(ids[index]!, id) < 0)
  return at < ids.length && equals(ids[at]!, id)
}

function tooManyMissing(): ReplicaError {
  return new ReplicaError('ERR_SYNC_LIMIT', `more than ${wantsPerChannelMax} missing ancestors in one session`)
}
