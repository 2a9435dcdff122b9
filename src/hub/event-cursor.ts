// Maps cursors of readers to positions in a frontier's log and back. Readers see events in arrival
// order, each once although several nodes may carry it. A cursor is an event id or the CID of the
// node that carries it. A sequence number is not a cursor, because it means nothing at another hub
// or at this one after a restore. Spec: protocol/http.md, H16.

import { type Digest, equals } from '../base/bytes.ts'
import { LruMap } from '../base/lru-map.ts'
import { cidText, nodeDigest } from '../cbor/cid.ts'
import { checkEvent, eventIdFromPrefix, eventIdPrefix } from '../event/event.ts'
import { decodeNode } from '../node/node.ts'
import type { FrontierStore, NodeRow } from '../store/store.ts'
import { badRequest, type RequestContext } from './router.ts'

const CURSORS_MAX = 1024

/** A row of a log, from the store or from the rows in memory. */
type Row = Pick<NodeRow, 'seq' | 'bytes'>

/** An event matches when each member that is given is equal to its own. */
export interface EventFilter {
  readonly kind: string | undefined
  readonly target: string | undefined
}

export function readFilter(query: RequestContext['query']): EventFilter {
  return { kind: query.get('kind'), target: query.get('target') }
}

/**
 * Returns the sequence number after the node that `cursor` names; 0 without a cursor.
 * @throws ReplicaError ERR_HTTP_REQUEST when the cursor names nothing here
 */
export async function seqAfter(log: FrontierStore, cursor: string | undefined): Promise<number> {
  if (cursor === undefined || cursor === '') return 0
  const seq = await seqOf(log, cursor)
  if (seq === undefined || seq >= log.nodes) throw badRequest('since does not name an event of this frontier')
  return seq + 1
}

async function seqOf(log: FrontierStore, cursor: string): Promise<number | undefined> {
  if (/^vev_[0-9a-f]{16}$/.test(cursor)) return (await log.findByLabel(eventIdPrefix(cursor)))[0]
  if (!/^b[a-z2-7]{58}$/.test(cursor)) return undefined
  const [location] = await log.locate([nodeDigest(cursor)])
  return location?.seq
}

/**
 * Computes the cursor of a row, and remembers recent ones: many followers of a frontier receive the
 * same rows at about the same time. The first node with an event id never changes, so a remembered
 * cursor stays right.
 *
 * @example
 * const cursor = await new EventCursors().cursorOf(log, row)
 */
export class EventCursors {
  readonly #ofLog = new WeakMap<FrontierStore, LruMap<number, string>>()

  /**
   * Returns the event id where that leads to this row, else the CID of the node: two contents may
   * share one id, and of two nodes with one event the id names the first.
   */
  async cursorOf(log: FrontierStore, { seq, bytes }: Row): Promise<string> {
    const cursors = this.#of(log)
    const cached = cursors.get(seq)
    if (cached !== undefined) return cached
    const { label, digest } = decodeNode(bytes)
    const [first] = await log.findByLabel(label)
    const cursor = first === seq ? eventIdFromPrefix(label) : cidText(digest)
    cursors.set(seq, cursor)
    return cursor
  }

  #of(log: FrontierStore): LruMap<number, string> {
    let cursors = this.#ofLog.get(log)
    if (cursors === undefined) {
      cursors = new LruMap(CURSORS_MAX)
      this.#ofLog.set(log, cursors)
    }
    return cursors
  }
}

/**
 * Returns the canonical JSON of a row's event; undefined if it does not match or an earlier node
 * carries the same event.
 */
export async function matchingEvent(
  log: FrontierStore,
  row: Row,
  filter: EventFilter,
): Promise<Uint8Array | undefined> {
  const { text, event } = decodeNode(row.bytes)
  if (text === undefined) return undefined
  // Most logs carry each event once, and then no lookup is needed.
  const mayRepeat = log.nodes !== log.events
  if (!mayRepeat && filter.kind === undefined && filter.target === undefined) return text
  const { id, kind, target } = checkEvent(text)
  if (filter.kind !== undefined && kind !== filter.kind) return undefined
  if (filter.target !== undefined && target.id !== filter.target) return undefined
  return mayRepeat && (await isRepeated(log, row.seq, { id, digest: event })) ? undefined : text
}

/** Whether a node before `seq` carries the same event, with its text. */
async function isRepeated(log: FrontierStore, seq: number, event: { id: string; digest: Digest }): Promise<boolean> {
  const earlier = (await log.findByLabel(eventIdPrefix(event.id))).filter(other => other < seq)
  if (earlier.length === 0) return false
  for (const row of await log.read(earlier)) {
    if (row.text === 'here' && equals(decodeNode(row.bytes).event, event.digest)) return true
  }
  return false
}
