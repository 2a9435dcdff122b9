// Requests the texts of nodes that a sink stores without them.
// At the end of a round the sink asks its store once which texts it wants from this peer. The
// source replies with the whole items, or with `lack`. A round ends normally if texts stay wanted.
// Spec: protocol/sync.md, S54 to S56.

import type { Digest, HashedBlock } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { WIRE_LIMITS } from '../base/limits.ts'
import type { TextFilter } from '../base/text-filter.ts'
import { type Channel, type Effect, type Sink, send } from './connection.ts'

const { idsPerWantMax, textsPerRoundMax } = WIRE_LIMITS

/** Asks the store which texts to request. */
export function listTexts({ ch, frontier }: Channel, sink: Sink, out: Effect[]): void {
  sink.textsListed = true
  sink.isLookingUp = true
  out.push({ do: 'texts', ch, frontier })
}

/** Requests texts by the digests of their nodes. */
export function requestTexts(
  { ch }: Channel,
  sink: Sink,
  { ids, match }: { readonly ids: readonly Digest[]; readonly match?: TextFilter },
  out: Effect[],
): void {
  const requested = ids.slice(0, textsPerRoundMax)
  const filter = match === undefined ? {} : { match }
  for (const id of requested) {
    sink.wanted.add(id)
    sink.wantedTexts.add(id)
  }
  for (let from = 0; from < requested.length; from += idsPerWantMax) {
    send(out, { t: 'texts', ch, ids: requested.slice(from, from + idsPerWantMax), ...filter })
  }
}

/**
 * Checks that a node whose text was requested comes with a text. Admission checks the text.
 * @throws ReplicaError ERR_SYNC_UNSOLICITED
 */
export function checkRequestedText(sink: Sink, block: HashedBlock): void {
  if (!sink.wantedTexts.delete(block.digest)) return
  if (block.hashedBytes < block.bytes.length) return
  throw new ReplicaError('ERR_SYNC_UNSOLICITED', 'a node came without the text that was requested')
}
