// The events of a frontier in arrival order, each once although several nodes may carry it, and the cursors that name places
// in that order: an event's id, or the CID of the node that carries it. A place's number means nothing at another hub, or at this one
// restored, and is no cursor.
// Specification: protocol/http.md, H16.

import { equals, sha256 } from '../base/bytes.ts'
import { LruMap } from '../base/lru-map.ts'
import { cidText, nodeDigest } from '../cbor/cid.ts'
import { checkEvent, eventIdPrefix } from '../event/event.ts'
import { decodeNode } from '../node/node.ts'
import type { FrontierStore, NodeRow } from '../store/store.ts'
import { badRequest, type RequestContext } from './router.ts'

/** A row of a log, from the store or from what is kept in mind of it. */
type Row = Pick<NodeRow, 'seq' | 'bytes'>

/** Each member that is given has to be equal. */
export interface EventFilter {
  readonly kind: string | undefined
  readonly target: string | undefined
}

export function readFilter(query: RequestContext['query']): EventFilter {
  return { kind: query.get('kind'), target: query.get('target') }
}

/** The place behind the one that `cursor` names; the start without one. @throws ReplicaError ERR_HTTP_REQUEST when it names nothing here */
export async function placeBehind(log: FrontierStore, cursor: string | undefined): Promise<number> {
  if (cursor === undefined || cursor === '') return 0
  const seq = await seqOf(log, cursor)
  if (seq === undefined || seq >= log.nodes) throw badRequest('since names no event here')
  return seq + 1
}

async function seqOf(log: FrontierStore, cursor: string): Promise<number | undefined> {
  if (/^vev_[0-9a-f]{16}$/.test(cursor)) return (await log.findByLabel(eventIdPrefix(cursor)))[0]
  if (!/^b[a-z2-7]{58}$/.test(cursor)) return undefined
  const [place] = await log.locate([nodeDigest(cursor)])
  return place?.seq
}

/**
 * What a reader goes on from behind this row: the event's id where that leads here again, else the CID of the node. One id
 * may have two contents, and the later of two nodes with one event is not where its id leads.
 */
export async function cursorOf(log: FrontierStore, { seq, bytes }: Row): Promise<string> {
  const known = cursors.get(log) ?? new LruMap<number, string>(CURSORS_KEPT)
  cursors.set(log, known)
  const before = known.get(seq)
  if (before !== undefined) return before
  const { id } = checkEvent(decodeNode(bytes).event)
  const [first] = await log.findByLabel(eventIdPrefix(id))
  const cursor = first === seq ? id : cidText(sha256(bytes))
  known.set(seq, cursor)
  return cursor
}

/** Where an id leads first never changes; what many followers are sent at once is looked up once. */
const cursors = new WeakMap<FrontierStore, LruMap<number, string>>()
const CURSORS_KEPT = 1024

/** The canonical JSON of a row's event, when it matches and no earlier node carries the same event. */
export async function eventOf(log: FrontierStore, row: Row, filter: EventFilter): Promise<Uint8Array | undefined> {
  const text = decodeNode(row.bytes).event
  // Most logs carry each event once; then there is nothing to look up.
  const mayRepeat = log.nodes !== log.events
  if (!mayRepeat && filter.kind === undefined && filter.target === undefined) return text
  const { id, kind, target } = checkEvent(text)
  if (filter.kind !== undefined && kind !== filter.kind) return undefined
  if (filter.target !== undefined && target.id !== filter.target) return undefined
  return mayRepeat && (await isRepeated(log, row.seq, { id, text })) ? undefined : text
}

/** Whether a node before this place carries the same event. */
async function isRepeated(log: FrontierStore, seq: number, event: { id: string; text: Uint8Array }): Promise<boolean> {
  const earlier = (await log.findByLabel(eventIdPrefix(event.id))).filter(other => other < seq)
  if (earlier.length === 0) return false
  const digest = sha256(event.text)
  for (const row of await log.read(earlier)) {
    if (equals(sha256(decodeNode(row.bytes).event), digest)) return true
  }
  return false
}
