// State of a peer for one frontier as of the last exchange: its log, the common nodes, and the
// nodes held or refused on either side. Plain data, and the rules that change it. Spec:
// protocol/live.md, L11 to L13.

import { toHex } from '../../base/bytes.ts'
import { hasCode, type ReplicaError } from '../../base/errors.ts'
import { LINK_LIMITS } from '../../base/limits.ts'
import { type CborValue, decodeCbor, encodeCbor } from '../../cbor/dag-cbor.ts'
import type { Channel, FlowReport, LogState } from '../../sync/connection.ts'
import type { LiveRound } from '../../transport/session.ts'

/** Number of nodes of a log, and the digest of its heads as 64 hex digits. */
export interface LogPosition {
  readonly count: number
  readonly digest: string
}

export interface PeerSyncState {
  /** Time of the last reported exchange, RFC 3339; empty if there was none. */
  exchangedAt: string
  /** Time when the heads were last equal; empty if never. */
  equalAt: string
  /** Time when they first differed after that; empty while they are equal. */
  differsAt: string
  /** The peer's log as last reported. */
  theirs: LogPosition
  /** Number of nodes that both have, as far as known. */
  common: number
  /** Nodes that each side held or refused since the heads were last equal. */
  heldHere: number
  heldThere: number
  /** Keys for which the peer holds nodes, 64 hex digits each, at most `heldKeysMax`. */
  heldThereKeys: string[]
  refusedHere: number
  refusedThere: number
  /** Time since which the peer can't be reached or refuses; empty if it accepts. */
  failedAt: string
  /** Error code and message of the failure. */
  failureCode: string
  failure: string
}

export function newStanding(): PeerSyncState {
  return {
    exchangedAt: '',
    equalAt: '',
    differsAt: '',
    theirs: { count: 0, digest: '' },
    common: 0,
    heldHere: 0,
    heldThere: 0,
    heldThereKeys: [],
    refusedHere: 0,
    refusedThere: 0,
    failedAt: '',
    failureCode: '',
    failure: '',
  }
}

/** Our log and the time of an update. */
export interface Moment {
  readonly log: LogPosition
  /** RFC 3339. */
  readonly now: string
}

/** Updates the state after a channel was reported or has caught up. */
export function afterChannel(syncState: PeerSyncState, channel: Channel, at: Moment): void {
  const { log } = at
  const said = channel.source?.report
  const took = channel.sink?.result
  const stated = latest(channel.theirs, said, channel.sink?.ended)
  if (stated === undefined) return
  forgetFaults(syncState)
  syncState.theirs = markOf(stated)
  if (took?.complete) syncState.common = channel.sink!.ended.count
  else if (said?.complete) syncState.common = channel.source!.target.count
  else syncState.common = Math.min(log.count - lacking(said), syncState.theirs.count - lacking(took))
  if (took !== undefined) noteHere(syncState, took)
  if (said !== undefined) noteThere(syncState, said)
  settle(syncState, at)
}

/** Updates the state after a round of a live channel. */
export function afterRound(syncState: PeerSyncState, round: LiveRound, at: Moment): void {
  const { direction, tally, complete, stated } = round
  const theirs = direction === 'out' ? tally : stated
  if (theirs.count >= syncState.theirs.count) syncState.theirs = markOf(theirs)
  syncState.common = complete
    ? Math.max(syncState.common, stated.count)
    : syncState.common + tally.admitted + tally.known
  if (direction === 'out') noteThere(syncState, tally)
  else noteHere(syncState, tally)
  settle(syncState, at)
}

/** Updates the state after a failure. `since` is that of the first consecutive failure. */
export function afterFailure(syncState: PeerSyncState, { code, message }: ReplicaError, now: string): void {
  if (syncState.failedAt === '') syncState.failedAt = now
  syncState.failureCode = code
  syncState.failure = message
}

/** Updates the state after the peer accepted a channel. */
export function afterReached(syncState: PeerSyncState): void {
  syncState.failedAt = syncState.failureCode = syncState.failure = ''
}

/** Updates the state after our log has grown. */
export function afterCommit(syncState: PeerSyncState, now: string): void {
  if (syncState.differsAt === '') syncState.differsAt = now
}

export function isEqual(syncState: PeerSyncState, log: LogPosition): boolean {
  return syncState.theirs.digest === log.digest
}

function settle(syncState: PeerSyncState, { log, now }: Moment): void {
  syncState.exchangedAt = now
  afterReached(syncState)
  syncState.common = Math.max(0, Math.min(syncState.common, log.count, syncState.theirs.count))
  if (!isEqual(syncState, log)) return afterCommit(syncState, now)
  forgetFaults(syncState)
  syncState.common = log.count
  syncState.equalAt = now
  syncState.differsAt = ''
}

function forgetFaults(syncState: PeerSyncState): void {
  Object.assign(syncState, { heldHere: 0, heldThere: 0, heldThereKeys: [], refusedHere: 0, refusedThere: 0 })
}

function noteHere(syncState: PeerSyncState, tally: FlowReport): void {
  syncState.heldHere += tally.heldCount
  syncState.refusedHere += tally.refusedCount
}

function noteThere(syncState: PeerSyncState, tally: FlowReport): void {
  syncState.heldThere += tally.heldCount
  syncState.refusedThere += tally.refusedCount
  const keys = new Set([...syncState.heldThereKeys, ...tally.held.map(item => toHex(item.key))])
  syncState.heldThereKeys = [...keys].slice(0, LINK_LIMITS.heldKeysMax)
}

/** Returns the latest of these states: a log only grows. */
function latest(...states: readonly (LogState | undefined)[]): LogState | undefined {
  return states.reduce((last, state) => (state !== undefined && state.count >= (last?.count ?? 0) ? state : last))
}

function lacking(tally: FlowReport | undefined): number {
  return tally === undefined ? 0 : tally.heldCount + tally.refusedCount
}

function markOf({ count, digest }: LogState): LogPosition {
  return { count, digest: toHex(digest) }
}

export function encodePeerSyncState({ theirs, ...rest }: PeerSyncState): Uint8Array {
  return encodeCbor({ ...rest, theirs: { ...theirs } })
}

/** Returns undefined for a record of another form: the next exchange writes it again. */
export function decodePeerSyncState(bytes: Uint8Array): PeerSyncState {
  const fresh = newStanding()
  try {
    const read = decodeCbor(bytes)
    if (!isLike(read, fresh as unknown as CborValue)) return fresh
    const syncState = read as unknown as PeerSyncState
    return { ...syncState, theirs: { ...syncState.theirs } }
  } catch (error) {
    if (hasCode(error, 'ERR_CBOR')) return fresh
    throw error
  }
}

/** Returns whether both have the same members with values of the same types. */
function isLike(value: CborValue, pattern: CborValue): boolean {
  if (Array.isArray(pattern)) return Array.isArray(value) && value.every(item => typeof item === 'string')
  if (typeof pattern !== 'object' || pattern === null) return typeof value === typeof pattern
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) return false
  const members = pattern as { [name: string]: CborValue }
  return Object.entries(members).every(([name, like]) => Object.hasOwn(value, name) && isLike(value[name]!, like))
}
