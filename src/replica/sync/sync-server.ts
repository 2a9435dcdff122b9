// Implements the port of sync sessions: summaries of a frontier, the difference to a peer,
// admission, cursors. Hubs and clients use the same port; they differ in what an unregistered key
// may read.

import { type Digest, equals, toHex } from '../../base/bytes.ts'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import { eventMatcher } from '../../event/event-filter.ts'
import { CURSOR_RECORDS, type NodeRow, type Records, type Wait } from '../../store/store.ts'
import type { FrontierSummary, LogState, PeerIdentity } from '../../sync/connection.ts'
import { SetDifference } from '../../sync/difference.ts'
import { FRAME_FILL_BYTES } from '../../sync/frame-packing.ts'
import { type Cursor, setBit } from '../../sync/message.ts'
import type { ReplicaPort, SendPlan, SendPlanRequest } from '../../transport/session.ts'
import type { Frontier } from '../frontier.ts'
import { rowsAt } from '../log-reader.ts'
import { openedTally } from '../merge-observer.ts'
import type { ReplicaContext } from '../replica-context.ts'
import { followOf, sentRows, watchRegistry, watchTexts } from './log-follower.ts'
import { usableCursor } from './own-history.ts'

const WAITS_LISTED_MAX = 1024
/**
 * Store id, sequence number, digest of the registry under which everything before was stored or
 * held, and trace.
 */
const CURSOR_BYTES = 16 + 8 + 32 + 32

async function noStore(): Promise<never> {
  throw new ReplicaError('ERR_INTERNAL', "a session without a store can't serve a store")
}

/** The port of a session before its replica exists: every method rejects. */
export const emptyReplicaPort: ReplicaPort = {
  view: noStore,
  plan: noStore,
  follow: noStore,
  subscribe: noStore,
  watch: noStore,
  have: noStore,
  waits: noStore,
  texts: noStore,
  conflicts: noStore,
  fetch: noStore,
  admit: noStore,
  remember: noStore,
  list: noStore,
  registry: noStore,
}

/** Parts of the port: the context, and the rule who may read. */
interface PortScope {
  readonly context: ReplicaContext
  readonly mayRead: (frontier: Frontier, peer: PeerIdentity) => boolean
}

/** Returns the port of a replica's sessions. `openRead`: unregistered keys may read. */
export function replicaPort(context: ReplicaContext, options: { openRead: boolean }): ReplicaPort {
  const mayRead = (frontier: Frontier, peer: PeerIdentity): boolean => options.openRead || isRegistered(frontier, peer)
  const scope = { context, mayRead }
  return { ...logPort(scope), ...lookupPort(scope), ...admissionPort(scope), ...peerPort(scope) }
}

type LogPort = Pick<ReplicaPort, 'view' | 'plan' | 'follow' | 'subscribe' | 'watch'>

/** The log as a source reads it. */
function logPort({ context, mayRead }: PortScope): LogPort {
  const at = (frontier: string): Frontier => context.frontier(frontier)
  return {
    async view(name, peer): Promise<FrontierSummary | undefined> {
      const frontier = context.frontiers.get(name)
      if (frontier === undefined) return undefined
      const { log, registry, policy } = frontier
      const cursor = await readCursor(context.store.records, frontier, peer.key)
      // Heads, digest, count and registry are read in one iteration of the event loop, so that they
      // are consistent.
      const summary = {
        store: context.store.id,
        count: log.nodes,
        digest: log.headsDigest(),
        registry: registry.digest(),
        heads: log.heads(),
        cursor,
        ...(policy.keeps === 'all' ? {} : { texts: policy.keeps }),
        mayRead: mayRead(frontier, peer),
        mayWrite: isRegistered(frontier, peer),
      }
      return { ...summary, trace: await frontier.trace(summary.count) }
    },
    plan: (request, about) => planOf(context, request, about),
    async follow(name, from, peer) {
      const frontier = at(name)
      if (mayRead(frontier, peer)) return await followOf(frontier, from)
      throw new ReplicaError('ERR_SYNC_FORBIDDEN', `the peer's key may no longer read ${name}`)
    },
    async subscribe(name, listener) {
      const frontier = at(name)
      const ends = [frontier.recentRows.join(), frontier.onCommit(listener)]
      return () => {
        for (const end of ends.splice(0)) end()
      }
    },
    async watch(name, { since, peer }, listener) {
      const frontier = at(name)
      const texts = { peer: peer.key, now: () => Date.parse(context.now()), setTimer: context.network.setTimer }
      const ends = [watchRegistry(frontier, since, listener), watchTexts(frontier, texts, listener)]
      return () => {
        for (const end of ends.splice(0)) end()
      }
    },
  }
}

/** Which nodes are stored or held, and which are missing. */
function lookupPort({ context }: PortScope): Pick<ReplicaPort, 'have' | 'texts' | 'waits' | 'fetch'> {
  const at = (frontier: string): Frontier => context.frontier(frontier)
  return {
    async have(name, ids) {
      const { log, held: aside } = at(name)
      const [places, kept, documents] = await Promise.all([
        log.locate(ids),
        aside.has(name, ids),
        storedDocuments(at(name), ids),
      ])
      const stored = new Uint8Array((ids.length + 7) >> 3)
      const held = new Uint8Array(stored.length)
      ids.forEach((_, i) => {
        if (places[i] !== undefined || documents[i]) setBit(stored, i)
        else if (kept[i]) setBit(held, i)
      })
      const wantsTexts = log.texts().wanted > 0
      return { stored, held, state: stateOf(at(name)), ...(wantsTexts ? { wantsTexts } : {}) }
    },
    async texts(name, peer) {
      const { textRequests } = at(name)
      const ids = await textRequests.next(peer.key, Date.parse(context.now()))
      const { match } = textRequests
      return { ids, ...(match === undefined ? {} : { match }) }
    },
    async waits(name) {
      const { log, held } = at(name)
      const waits = await held.listWaits(name, WAITS_LISTED_MAX)
      const ids = (kind: Wait['kind']) => waits.filter(({ wait }) => wait.kind === kind).map(({ wait }) => wait.id)
      const parents = ids('parent')
      const [places, kept] = await Promise.all([log.locate(parents), held.has(name, parents)])
      return [...parents.filter((_, i) => places[i] === undefined && !kept[i]), ...ids('document')]
    },
    async fetch(name, ids, { texts } = {}) {
      const { log } = at(name)
      const matches = texts === undefined || texts === 'all' ? () => true : eventMatcher(texts)
      const places = await log.locate(ids)
      const nodes: (Uint8Array | undefined)[] = []
      let bytes = 0
      for (const [i, place] of places.entries()) {
        if (bytes >= FRAME_FILL_BYTES) break
        const row = place === undefined ? undefined : (await log.read([place.seq]))[0]!
        // Documents in the store are linked by nodes, or stored to be linked.
        const block = texts ? textOf(row, matches) : (row?.bytes ?? (await log.documents.get(ids[i]!)))
        nodes.push(block)
        bytes += block?.length ?? 0
      }
      return { ids: ids.slice(0, nodes.length), nodes }
    },
  }
}

/** Admission of received nodes, and what they opened. */
function admissionPort({ context }: PortScope): Pick<ReplicaPort, 'conflicts' | 'admit'> {
  const at = (frontier: string): Frontier => context.frontier(frontier)
  return {
    async conflicts(name, since, { key }) {
      try {
        const { registry, log } = at(name)
        const peer = registry.byKey(key)?.id
        const merge = {
          frontier: name,
          peer,
          from: since,
          admitted: log.nodes - since,
          isAsked: false,
          isAwaited: true,
        }
        return openedTally(await context.observer.afterMerge(merge))
      } catch (error) {
        if (!hasCode(error)) throw error
        // The nodes are admitted all the same, and the report must say so.
        context.emit({
          kind: 'alarm',
          message: `can't look for conflicts: ${error.message}`,
          facts: { frontier: name },
        })
        return undefined
      }
    },
    async admit(name, blocks, peer) {
      if (!isRegistered(at(name), peer)) {
        throw new ReplicaError('ERR_SYNC_FORBIDDEN', `the peer's key may no longer write ${name}`)
      }
      const result = await at(name).gate.admitNodesAndDocuments(blocks, { from: peer.key })
      if (result.admitted > 0) context.checkHeads(name)
      return result
    },
  }
}

/** Cursors, and what a peer may see of all frontiers. */
function peerPort({ context, mayRead }: PortScope): Pick<ReplicaPort, 'remember' | 'list' | 'registry'> {
  return {
    async remember(name, peer, cursor, registry) {
      const value = packCursor(cursor, registry)
      await context.store.records.write([{ key: cursorKey(name, peer.key), value }])
    },
    async list(peer) {
      const readable = [...context.frontiers].filter(([, frontier]) => mayRead(frontier, peer))
      return readable.map(([frontier, { log }]) => ({ frontier, count: log.nodes, digest: log.headsDigest() }))
    },
    async registry(name, peer) {
      const frontier = context.frontiers.get(name)
      return frontier === undefined || !mayRead(frontier, peer) ? undefined : frontier.registry.offer()
    },
  }
}

/** Returns the item of a node whose text is here and matches. */
function textOf(row: NodeRow | undefined, matches: (text: Uint8Array) => boolean): Uint8Array | undefined {
  if (row?.text !== 'here') return undefined
  return matches(row.bytes.subarray(row.headerBytes)) ? row.bytes : undefined
}

function isRegistered(frontier: Frontier, peer: PeerIdentity): boolean {
  return frontier.registry.verdict(peer.key) === 'registered'
}

/**
 * Returns which of these are stored documents for which held nodes wait. Nodes are not looked up on
 * disk.
 */
async function storedDocuments({ gate, log }: Frontier, ids: readonly Digest[]): Promise<readonly boolean[]> {
  const awaited = await gate.awaits(ids)
  return awaited.includes(true) ? log.documents.has(ids) : awaited
}

function stateOf({ log }: Frontier): LogState {
  return { count: log.nodes, digest: log.headsDigest() }
}

/** Returns the difference to the sink, in batches of about one frame. */
async function planOf(
  context: ReplicaContext,
  request: SendPlanRequest,
  { peer, signal }: { readonly peer: PeerIdentity; readonly signal: AbortSignal },
): Promise<SendPlan> {
  const frontier = context.frontier(request.frontier)
  const { log } = frontier
  const cursor = await usableCursor(context, frontier, { cursor: request.cursor, peer })
  const difference = await SetDifference.open(log, {
    count: request.ownCount,
    sinkHeads: request.heads,
    sinkHeadsComplete: request.headsComplete,
    sinkCount: request.theirCount,
    signal,
    ...(cursor === undefined ? {} : { cursor }),
  })
  let runs: Iterator<Run> | undefined
  let run: Run | undefined
  return {
    exact: difference.exact,
    next: max => difference.next(max),
    answer: has => difference.answer(has),
    // Consecutive rows are scanned, others are read singly. No scan outlives the call: a scan that
    // waits for a slow sink would keep memory, and compacted files in the store.
    async rows(options) {
      runs ??= runsOf(difference.missing())
      run ??= runs.next().value
      if (run === undefined) return { rows: [], last: true }
      const rows = await rowsAt(log, { ...run, batchBytes: FRAME_FILL_BYTES })
      const from = run.from + rows.length
      run = from < run.to ? { from, to: run.to } : undefined
      return { rows: sentRows(rows, options), last: false }
    },
  }
}

/** Sequence numbers from `from` up to `to`, exclusive. */
interface Run {
  readonly from: number
  readonly to: number
}

/** Groups ascending numbers into runs. */
function* runsOf(seqs: Iterable<number>): Generator<Run, undefined> {
  let from = -1
  let to = -1
  for (const seq of seqs) {
    if (seq === to) {
      to += 1
      continue
    }
    if (from >= 0) yield { from, to }
    from = seq
    to = seq + 1
  }
  if (from >= 0) yield { from, to }
}

function cursorKey(frontier: string, peer: Uint8Array): string {
  return `${CURSOR_RECORDS}${frontier}/${toHex(peer)}`
}

function packCursor({ store, seq, trace }: Cursor, registry: Digest): Uint8Array {
  const bytes = Buffer.alloc(CURSOR_BYTES)
  bytes.set(store)
  bytes.writeBigUInt64BE(BigInt(seq), 16)
  bytes.set(registry, 24)
  bytes.set(trace, 56)
  return bytes
}

/**
 * Returns no cursor after a change of the registry: held nodes may have been refused since, and
 * must be offered again.
 */
async function readCursor(records: Records, { log, registry }: Frontier, peer: Digest): Promise<Cursor | null> {
  const value = await records.get(cursorKey(log.name, peer))
  if (value === undefined || value.length !== CURSOR_BYTES) return null
  const bytes = Buffer.from(value)
  if (!equals(bytes.subarray(24, 56), registry.digest())) return null
  const [store, trace] = [Uint8Array.from(bytes.subarray(0, 16)), Uint8Array.from(bytes.subarray(56))]
  return { store, seq: Number(bytes.readBigUInt64BE(16)), trace }
}
