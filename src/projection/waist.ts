// What a merge opened, found in the part of the log that it can have changed (protocol/replay.md, R21): behind the last node that all
// others lead to or come from, a *waist*. Setters before it have been seen by everything behind it, so they are in no conflict. What
// lies behind is replayed by itself, over findings of which only the name is known. So the cost follows the difference, not the log.

import { setImmediate } from 'node:timers/promises'
import { type Digest, sha256 } from '../base/bytes.ts'
import { VIEW_LIMITS } from '../base/limits.ts'
import { validatedKeyVerifier } from '../crypto/validated-keys.ts'
import type { LoggedEvent } from '../event/event.ts'
import { checkEvent, type EventHead, eventIdPrefix } from '../event/event.ts'
import { parseJson } from '../json/json.ts'
import type { Json } from '../json/value.ts'
import { decodeNode, type Node } from '../node/node.ts'
import type { FrontierStore, NodeRow, ScanOptions } from '../store/store.ts'
import { CONFLICT_RESOLVED, payloadOf } from '../vela/payloads.ts'
import { readResolutions } from '../vela/resolution/resolution-events.ts'
import { memberAt } from '../vela/state/json-path.ts'
import { contestedIn, type ListedConflict, listConflicts } from './conflict-list.ts'
import { brief, type OpenedConflict } from './opened-conflicts.ts'
import { type ReplayedLog, Replayer } from './replayer.ts'

const BATCH_BYTES = 256 * 1024
const NO_TEXT = new Uint8Array()

/** A log, the first node that came in, and which keys count. */
export interface Merged {
  readonly log: FrontierStore
  readonly from: number
  readonly standing: (key: Uint8Array) => boolean
}

/** The conflicts that nodes from `from` on opened; undefined where too many nodes lie behind the last waist. */
export async function openedBehindWaist({ log, from, standing }: Merged): Promise<OpenedConflict[] | undefined> {
  const to = log.nodes
  const tail = await settledTail(log, { from, to })
  if (tail === undefined) return undefined
  if (!mayDisagree(tail)) return []
  const { start, findings, events } = tail
  const seeds = { genesis: [...findings].map(stub), proposals: [], actors: [] }
  const replaying = new Replayer(behind(log, start), seeds)
  await replaying.advance({ to: to - start, seeds, registry: 0, standing })
  const settling = events.filter(({ key }) => key !== undefined && standing(key))
  const resolutions = readResolutions(settling, { actors: [], verify: validatedKeyVerifier() })
  const contested = contestedIn(replaying.view, { events: settling, resolutions })
  const old = new Set(events.filter(({ seq }) => seq < from).map(({ head }) => head.id))
  return newConflicts(listConflicts(replaying.view, contested), old)
}

/** A tail none of whose events is carried by a node before it, unless it holds nothing to disagree about. */
async function settledTail(log: FrontierStore, { from, to }: { from: number; to: number }): Promise<Tail | undefined> {
  for (let below = from; ; ) {
    const tail = await tailOf(log, { from: below, to })
    if (tail === undefined || !mayDisagree(tail)) return tail
    const carriers = await log.findByEvent(tail.events)
    const first = Math.min(...carriers.map(seq => seq ?? to))
    if (first >= tail.start) return tail
    below = first
  }
}

interface Tail {
  /** The first node behind the waist; 0 where there is none and the whole log is short. */
  readonly start: number
  /** Ids of the findings that the events behind it are about. */
  readonly findings: ReadonlySet<string>
  readonly events: readonly TailEvent[]
  /** Each node is built on the one before alone: nothing was made apart. */
  readonly isChain: boolean
}

interface TailEvent extends LoggedEvent {
  readonly seq: number
  readonly label: Uint8Array
  readonly event: Digest
  /** Of the node; for what settles conflicts only. */
  readonly key: Digest | undefined
}

/** Goes down from the end until everything seen so far hangs on the next node, and that is all there is before. */
async function tailOf(log: FrontierStore, { from, to }: { from: number; to: number }): Promise<Tail | undefined> {
  const places = await log.locate(log.heads())
  const lowestHead = Math.min(...places.map(place => place?.seq ?? 0))
  const floor = Math.max(0, to - nodesMax(to - from))
  const findings = new Set<string>()
  const events: TailEvent[] = []
  const open = new Set<number>()
  let hasRoot = false
  let isChain = true
  for await (const rows of log.scan({ from: floor, to, reverse: true, batchBytes: BATCH_BYTES })) {
    for (const { seq, bytes, parents } of rows) {
      const hangs = open.size === 1 && open.has(seq) && !hasRoot
      if (hangs && seq < from && seq <= lowestHead) return { start: seq + 1, findings, events, isChain }
      open.delete(seq)
      for (const parent of parents) open.add(parent)
      hasRoot ||= parents.length === 0
      isChain &&= parents.length === 1 && parents[0] === seq - 1
      const node = decodeNode(bytes)
      const event = tailEvent(seq, node)
      events.push(event)
      for (const finding of findingsOf(event.head, node.event)) findings.add(finding)
    }
    await setImmediate()
  }
  return floor === 0 ? { start: 0, findings, events, isChain } : undefined
}

/** So many nodes are looked at for so many that came: the work follows the difference. */
function nodesMax(came: number): number {
  const { unaskedNodesMax, behindWaistMin, behindWaistTimes } = VIEW_LIMITS
  return Math.min(unaskedNodesMax, Math.max(behindWaistMin, behindWaistTimes * came))
}

/** Kinds by which a field of a finding is set (R15). */
const SETTING: ReadonlySet<string> = new Set([
  'finding.asserted',
  'finding.confidence_revised',
  'finding.rejected',
  'finding.retracted',
  'finding.reviewed',
  'finding.superseded',
])

/** Whether something in it may have been set apart. */
function mayDisagree({ isChain, events }: Tail): boolean {
  return !isChain && hasRivals(events)
}

/** Whether two events may set a field of one finding, or what settles conflicts is among them. */
function hasRivals(events: readonly TailEvent[]): boolean {
  const seen = new Set<string>()
  return events.some(({ head: { kind, target } }) => {
    if (kind === CONFLICT_RESOLVED || kind === 'finding.superseded') return true
    if (!SETTING.has(kind)) return false
    const isSecond = seen.has(target.id)
    seen.add(target.id)
    return isSecond
  })
}

function tailEvent(seq: number, { event: text, key }: Node): TailEvent {
  const head = checkEvent(text)
  const settles = head.kind === CONFLICT_RESOLVED
  // Of others the text isn't kept.
  const kept = settles ? { text: text.slice(), key: key.slice() } : { text: NO_TEXT, key: undefined }
  return { seq, head, label: eventIdPrefix(head.id), event: sha256(text), ...kept }
}

/** The findings that an event may set a field of. */
function findingsOf({ kind, target }: EventHead, text: Uint8Array): string[] {
  if (kind === 'finding.superseded') return [target.id, textAt(payloadOf(text), ['new_finding_id'])]
  if (kind === CONFLICT_RESOLVED) return [textAt(payloadOf(text), ['choice', 'finding_id'])]
  return [target.id]
}

function textAt(value: Json, path: readonly string[]): string {
  const found = value instanceof Map ? memberAt(value, path) : undefined
  return typeof found === 'string' ? found : ''
}

/** A finding of which nothing is known but that it was there. */
function stub(id: string): ReadonlyMap<string, Json> {
  const text = JSON.stringify({ id, assertion: { text: '' }, confidence: { score: 0.5 }, flags: {} })
  return parseJson(text) as Map<string, Json>
}

/** The nodes from `start` on as a log of their own; parents before it are left out. */
function behind(log: FrontierStore, start: number): ReplayedLog {
  const moved = (row: NodeRow): NodeRow => ({
    ...row,
    seq: row.seq - start,
    parents: row.parents.filter(parent => parent >= start).map(parent => parent - start),
  })
  return {
    async *scan({ from, to = log.nodes - start }: ScanOptions) {
      for await (const rows of log.scan({ from: from + start, to: to + start })) yield rows.map(moved)
    },
    async read(seqs) {
      return (await log.read(seqs.map(seq => seq + start))).map(moved)
    },
  }
}

/** Those with an event that is not among the `old`. */
function newConflicts(conflicts: Iterable<ListedConflict>, old: ReadonlySet<string>): OpenedConflict[] {
  const opened: OpenedConflict[] = []
  for (const conflict of conflicts) {
    if (conflict.events.every(event => old.has(event))) continue
    opened.push(brief(conflict))
    if (opened.length >= VIEW_LIMITS.openedKeptMax) break
  }
  return opened
}
