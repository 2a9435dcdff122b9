// Erases the text of an event: with a signed erasure that every replica follows, or here only.
// Lists the erasures of a node. Spec: protocol/text.md, X10 to X17.

import { ERASURE_KIND, isErasure } from '../admission/erasure-event.ts'
import { founderKeys } from '../admission/founder.ts'
import { equals, toHex } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { isBlank } from '../base/text.ts'
import { cidText } from '../cbor/cid.ts'
import { eventIdFromPrefix } from '../event/event.ts'
import { EventView } from '../event/event-view.ts'
import { decodeNode, type Node } from '../node/node.ts'
import type { FrontierStore } from '../store/store.ts'
import { appendEvent } from './append.ts'
import type { Frontier } from './frontier.ts'
import { rowsByReference } from './log-reader.ts'
import type { ReplicaContext } from './replica-context.ts'

/** How to erase a text. */
export interface EraseOptions {
  /** The reason; it becomes part of the signed event, or of the journal. */
  readonly reason: string
  /** Deletes the text here only. */
  readonly local?: boolean
}

/** An erased text. */
export interface EraseReport {
  readonly frontier: string
  /** Id of the event whose text was erased. */
  readonly event: string
  /** SHA-256 of the text, `sha256:` and 64 hex digits. */
  readonly text: string
  /** CID of the node that erases it; undefined for a local deletion. */
  readonly cid: string | undefined
  /** CIDs of the nodes that lose the text. */
  readonly nodes: readonly string[]
  /** CIDs of nodes that carry the same text and keep it: the erasure does not cover them. */
  readonly kept: readonly string[]
}

/** An erasure of a node's text. */
export interface ErasureView {
  /** CID of the node that erases it. */
  readonly cid: string
  /** Public key that signed that node, 64 hex digits. */
  readonly key: string
  /** Id of the erasing event. */
  readonly event: string
  readonly actor: string
  readonly timestamp: string
  readonly reason: string
}

export async function eraseText(
  context: ReplicaContext,
  { frontier: name, reference }: { frontier: string; reference: string },
  { reason, local = false }: EraseOptions,
): Promise<EraseReport> {
  if (isBlank(reason)) throw new ReplicaError('ERR_USAGE', 'an erasure must have a reason')
  const frontier = context.frontier(name)
  const carriers = await carriersOf(frontier.log, reference)
  const [{ label, event }] = carriers
  const id = eventIdFromPrefix(label)
  const text = `sha256:${toHex(event)}`
  const isCovered = local ? () => true : await coverage(context, frontier)
  const covered = carriers.filter(isCovered)
  const kept = carriers.filter(node => !isCovered(node)).map(node => cidText(node.digest))
  const report = { frontier: name, event: id, text, nodes: covered.map(node => cidText(node.digest)), kept }
  if (local) {
    await context.journal.write(name, 'text.erased_locally', { event: id, text, reason })
    await frontier.gate.leaveOut({ label, event })
    return { ...report, cid: undefined }
  }
  if (covered.length === 0) {
    const hint = '--local deletes the text in this store only'
    const message = "only the key that signed the event's node, or the owner of the frontier, can erase its text"
    throw new ReplicaError('ERR_USAGE', message, { facts: { hint } })
  }
  const draft = {
    kind: ERASURE_KIND,
    target: { type: 'event', id },
    actor: { id: context.hubId, type: 'system' },
    reason,
    payload: { event: text, reason },
  }
  const made = await appendEvent(context, { frontier: name, event: draft })
  return { ...report, cid: made.cid }
}

/** Returns the erasures that cover a stored node. */
export async function erasuresOf(frontier: Frontier, cid: string): Promise<ErasureView[]> {
  const { log, gate } = frontier
  const [row] = await rowsByReference(log, cid)
  if (row === undefined) return []
  const found = gate.erasures.covering(decodeNode(row.bytes))
  const places = await log.locate(found.map(({ digest }) => digest))
  const rows = await log.read(places.flatMap(place => place?.seq ?? []))
  return rows.flatMap(({ bytes }) => {
    const { digest, key, text } = decodeNode(bytes)
    if (text === undefined) return []
    const { id: event, actor, timestamp, reason } = new EventView(text)
    return [{ cid: cidText(digest), key: toHex(key), event, actor: actor.id, timestamp, reason }]
  })
}

/**
 * Returns all nodes that carry the event of a CID or of a `vev_` id; at least one.
 * @throws ReplicaError ERR_NOT_FOUND; ERR_USAGE if the id names several events, or an erasure
 */
async function carriersOf(log: FrontierStore, reference: string): Promise<[Node, ...Node[]]> {
  const named = (await rowsByReference(log, reference)).map(({ bytes }) => decodeNode(bytes))
  const first = named[0]
  if (first === undefined) throw new ReplicaError('ERR_NOT_FOUND', `${reference} is not in this store`)
  if (named.some(({ event }) => !equals(event, first.event)))
    throw new ReplicaError('ERR_USAGE', `several events have the id ${reference}: name a node by its CID`)
  if (named.some(({ text }) => text !== undefined && isErasure(text)))
    throw new ReplicaError('ERR_USAGE', 'the text of an erasure cannot be erased')
  const rows = await log.read(await log.findByLabel(first.label))
  const others = rows.map(({ bytes }) => decodeNode(bytes))
  const same = others.filter(({ digest, event }) => equals(event, first.event) && !equals(digest, first.digest))
  return [first, ...same]
}

/** Returns which nodes an erasure by this replica covers. */
async function coverage({ key }: ReplicaContext, frontier: Frontier): Promise<(node: Node) => boolean> {
  const owner = await founderKeys(frontier)
  return owner.has(key.publicKey) ? () => true : node => equals(node.key, key.publicKeyBytes)
}
