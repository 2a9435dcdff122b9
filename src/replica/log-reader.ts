// Reads a stored log for callers: rows in either order, the node of a CID or event id, names.

import { type Digest, DigestSet, equals } from '../base/bytes.ts'
import { hasCode, ReplicaError } from '../base/errors.ts'
import { abortError } from '../base/signal.ts'
import { nodeDigest } from '../cbor/cid.ts'
import { eventIdPrefix } from '../event/event.ts'
import { type Action, classifyAgainst, type IdPair } from '../graph/causal-closure.ts'
import { decodeNode } from '../node/node.ts'
import type { FrontierStore, NodeEntry, NodeReader, NodeRow } from '../store/store.ts'
import { replaySeqs } from './log-order.ts'
import type { PreparedEvent } from './node-builder.ts'
import { type NodeView, nodeView } from './node-view.ts'

const READ_BATCH = 256
/** Event ids that are looked up concurrently. */
const LOOKUPS_AT_ONCE = 1024

/**
 * Yields rows in replay order; nodes that carry the same event once (at its first place) or all.
 */
export async function* inReplayOrder(
  log: NodeReader,
  options: { reverse: boolean; duplicates: 'once' | 'all' },
): AsyncGenerator<NodeRow[]> {
  const seqs = await replaySeqs(log, { duplicates: options.duplicates })
  if (options.reverse) seqs.reverse()
  for (let from = 0; from < seqs.length; from += READ_BATCH) {
    yield await log.read([...seqs.subarray(from, from + READ_BATCH)])
  }
}

/** Returns the first row that carries exactly this event, which must be stored. */
export async function findRow(log: FrontierStore, event: PreparedEvent): Promise<NodeRow> {
  for (const row of await log.read(await log.findByLabel(eventIdPrefix(event.head.id)))) {
    if (equals(decodeNode(row.bytes).event, event.digest)) return row
  }
  throw new ReplicaError('ERR_INTERNAL', `the node of ${event.head.id} was admitted but is missing`)
}

async function seqsOf(log: FrontierStore, digest: Digest): Promise<number[]> {
  const [place] = await log.locate([digest])
  return place === undefined ? [] : [place.seq]
}

/** Returns which of these event ids and CIDs are stored. Text that is neither names nothing. */
async function storedIds(log: FrontierStore, ids: readonly string[]): Promise<boolean[]> {
  const stored = new Set<string>()
  const cids = ids.map(id => ({ id, digest: digestOf(id) })).filter(named => named.digest !== undefined)
  const places = await log.locate(cids.map(({ digest }) => digest!))
  for (const [i, { id }] of cids.entries()) if (places[i] !== undefined) stored.add(id)
  const labels = ids.filter(id => /^vev_[0-9a-f]{16}$/.test(id))
  for (let from = 0; from < labels.length; from += LOOKUPS_AT_ONCE) {
    const some = labels.slice(from, from + LOOKUPS_AT_ONCE)
    const rows = await Promise.all(some.map(id => log.findByLabel(eventIdPrefix(id))))
    for (const [i, id] of some.entries()) if (rows[i]!.length > 0) stored.add(id)
  }
  return ids.map(id => stored.has(id))
}

/** Returns the digest of a node's CID; undefined for other text. */
function digestOf(id: string): Digest | undefined {
  try {
    return nodeDigest(id)
  } catch (error) {
    if (!hasCode(error, 'ERR_CID')) throw error
    return undefined
  }
}

/**
 * Returns the frontier to use of those that a hub offers.
 * @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_USAGE
 */
export function chooseFrontier(offered: readonly { frontier: string }[], wanted: string | undefined): string {
  const names = offered.map(({ frontier }) => frontier)
  const facts = names.length === 0 ? {} : { frontiers: names }
  if (wanted !== undefined) {
    if (names.includes(wanted)) return wanted
    throw new ReplicaError('ERR_FRONTIER_UNKNOWN', `the hub does not offer ${wanted}`, { facts })
  }
  const [only] = names
  if (only === undefined) throw new ReplicaError('ERR_FRONTIER_UNKNOWN', 'the hub does not offer a frontier')
  if (names.length > 1) {
    throw new ReplicaError('ERR_USAGE', 'the hub offers several frontiers: name one with --frontier', { facts })
  }
  return only
}

/**
 * Returns what has to be fetched before these events can be merged into the log. Ids are event ids
 * or CIDs.
 */
export function classifyStored(log: FrontierStore, incoming: readonly IdPair[]): Promise<Action> {
  return classifyAgainst(ids => storedIds(log, ids), incoming)
}

/**
 * Returns the row of a CID, or the rows of all nodes whose event has this `vev_` id.
 * @throws ReplicaError ERR_CID, ERR_EVENT_SHAPE
 */
export async function rowsByReference(log: FrontierStore, reference: string): Promise<NodeRow[]> {
  const isLabel = reference.startsWith('vev_')
  const seqs = isLabel ? await log.findByLabel(eventIdPrefix(reference)) : await seqsOf(log, nodeDigest(reference))
  return log.read(seqs)
}

/** Which nodes to read, and in which order. */
export interface NodesOptions {
  /** First sequence number; only with `order: 'arrival'`. */
  readonly since?: number
  /**
   * `arrival` (the default) is the order of this store, `replay` the order on which all replicas
   * agree.
   */
  readonly order?: 'arrival' | 'replay'
  /** Children first. */
  readonly reverse?: boolean
  readonly signal?: AbortSignal
}

export function nodesOf(log: FrontierStore, options: NodesOptions): AsyncGenerator<NodeView> {
  const { order = 'arrival', since = 0, reverse = false, signal } = options
  const batches =
    order === 'arrival'
      ? log.scan({ from: since, to: log.nodes, reverse })
      : inReplayOrder(log, { reverse, duplicates: 'all' })
  return views(batches, signal)
}

/**
 * Yields the events in replay order, each once even if several nodes carry it: the first node whose
 * text is here, else the first of all.
 */
export function eventsOf(log: FrontierStore, signal: AbortSignal | undefined): AsyncGenerator<NodeView> {
  const isPlain = log.nodes === log.events || log.texts().here === log.nodes
  return views(isPlain ? inReplayOrder(log, { reverse: false, duplicates: 'once' }) : eventRows(log), signal)
}

async function* eventRows(log: FrontierStore): AsyncGenerator<NodeRow[]> {
  const seen = new DigestSet()
  for await (const rows of inReplayOrder(log, { reverse: false, duplicates: 'all' })) {
    const first: NodeRow[] = []
    for (const row of rows) {
      const { event, label } = decodeNode(row.bytes)
      if (seen.has(event) || (row.text !== 'here' && (await hasText(log, { event, label })))) continue
      seen.add(event)
      first.push(row)
    }
    yield first
  }
}

/** Whether the text of a node with this event is here. */
async function hasText(log: FrontierStore, { event, label }: Pick<NodeEntry, 'event' | 'label'>): Promise<boolean> {
  const rows = await log.read(await log.findByLabel(label))
  return rows.some(({ text, bytes }) => text === 'here' && equals(decodeNode(bytes).event, event))
}

/**
 * Returns rows from `from` on in one batch, which is empty only at the end. No iterator stays open.
 */
export async function rowsAt(
  log: FrontierStore,
  options: { from: number; to: number; batchBytes: number },
): Promise<NodeRow[]> {
  if (options.from >= options.to) return []
  for await (const rows of log.scan(options)) return rows
  return []
}

async function* views(batches: AsyncIterable<NodeRow[]>, signal: AbortSignal | undefined): AsyncGenerator<NodeView> {
  for await (const rows of batches) {
    for (const row of rows) {
      if (signal?.aborted) throw abortError(signal, 'reading was aborted')
      yield nodeView(row)
    }
  }
}
