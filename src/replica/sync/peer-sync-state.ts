// How a peer stands to this replica for one frontier, as far as the last exchange told: what it had, how much of it is here,
// what was held or refused on the way. Plain data with the rules by which it changes; standings.ts keeps it.
// Specification: protocol/live.md, L11 to L13.

import { toHex } from '../../base/bytes.ts'
import { hasCode, type ReplicaError } from '../../base/errors.ts'
import { LINK_LIMITS } from '../../base/limits.ts'
import { type CborValue, decodeCbor, encodeCbor } from '../../cbor/dag-cbor.ts'
import type { Channel, FlowReport, LogState } from '../../sync/connection.ts'
import type { LiveRound } from '../../transport/session.ts'

/** The state of a log: how many nodes, and the digest of its heads as 64 hex digits. */
export interface LogPosition {
  readonly count: number
  readonly digest: string
}

export interface PeerSyncState {
  /** When an exchange was last reported, RFC 3339; empty when none was. */
  exchangedAt: string
  /** When the heads were last known to be the same; empty when never. */
  equalAt: string
  /** When they were first seen to differ after that; empty while they don't. */
  differsAt: string
  /** The peer's log as it last said. */
  theirs: LogPosition
  /** Nodes that both have, as far as is known. */
  common: number
  /** Nodes that this side, and that one, held or refused since the heads were last the same. */
  heldHere: number
  heldThere: number
  /** Keys for which the peer holds nodes, 64 hex digits each, at most `heldKeysMax`. */
  heldThereKeys: string[]
  refusedHere: number
  refusedThere: number
  /** Since when the peer can't be reached or lets nobody in; empty while it does. */
  failedAt: string
  /** The error code, and the message for people. */
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

/** A channel has been reported, or has caught up. `log` is ours now. */
export function afterChannel(standing: PeerSyncState, channel: Channel, log: LogPosition, now: string): void {
  const said = channel.source?.report
  const took = channel.sink?.result
  const stated = latest(channel.theirs, said, channel.sink?.ended)
  if (stated === undefined) return
  forgetFaults(standing)
  standing.theirs = markOf(stated)
  if (took?.complete) standing.common = channel.sink!.ended.count
  else if (said?.complete) standing.common = channel.source!.target.count
  else standing.common = Math.min(log.count - lacking(said), standing.theirs.count - lacking(took))
  if (took !== undefined) noteHere(standing, took)
  if (said !== undefined) noteThere(standing, said)
  settle(standing, log, now)
}

/** A round of a live channel has been reported. */
export function afterRound(standing: PeerSyncState, round: LiveRound, log: LogPosition, now: string): void {
  const { direction, tally, complete, stated } = round
  const theirs = direction === 'out' ? tally : stated
  if (theirs.count >= standing.theirs.count) standing.theirs = markOf(theirs)
  standing.common = complete ? Math.max(standing.common, stated.count) : standing.common + tally.admitted + tally.known
  if (direction === 'out') noteThere(standing, tally)
  else noteHere(standing, tally)
  settle(standing, log, now)
}

/** Nothing can be exchanged with the peer; `since` stays at the first failure in a row. */
export function afterFailure(standing: PeerSyncState, { code, message }: ReplicaError, now: string): void {
  if (standing.failedAt === '') standing.failedAt = now
  standing.failureCode = code
  standing.failure = message
}

/** The peer lets us in. */
export function afterReached(standing: PeerSyncState): void {
  standing.failedAt = standing.failureCode = standing.failure = ''
}

/** Our log has grown. */
export function afterCommit(standing: PeerSyncState, now: string): void {
  if (standing.differsAt === '') standing.differsAt = now
}

export function isEqual(standing: PeerSyncState, log: LogPosition): boolean {
  return standing.theirs.digest === log.digest
}

function settle(standing: PeerSyncState, log: LogPosition, now: string): void {
  standing.exchangedAt = now
  afterReached(standing)
  standing.common = Math.max(0, Math.min(standing.common, log.count, standing.theirs.count))
  if (!isEqual(standing, log)) return afterCommit(standing, now)
  forgetFaults(standing)
  standing.common = log.count
  standing.equalAt = now
  standing.differsAt = ''
}

function forgetFaults(standing: PeerSyncState): void {
  Object.assign(standing, { heldHere: 0, heldThere: 0, heldThereKeys: [], refusedHere: 0, refusedThere: 0 })
}

function noteHere(standing: PeerSyncState, tally: FlowReport): void {
  standing.heldHere += tally.heldCount
  standing.refusedHere += tally.refusedCount
}

function noteThere(standing: PeerSyncState, tally: FlowReport): void {
  standing.heldThere += tally.heldCount
  standing.refusedThere += tally.refusedCount
  const keys = new Set([...standing.heldThereKeys, ...tally.held.map(item => toHex(item.key))])
  standing.heldThereKeys = [...keys].slice(0, LINK_LIMITS.heldKeysMax)
}

/** What was said last: a log only grows. */
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

/** A record of another form is as good as none: the next exchange makes it anew. */
export function decodePeerSyncState(bytes: Uint8Array): PeerSyncState {
  const fresh = newStanding()
  try {
    const read = decodeCbor(bytes)
    if (!isLike(read, fresh as unknown as CborValue)) return fresh
    const standing = read as unknown as PeerSyncState
    return { ...standing, theirs: { ...standing.theirs } }
  } catch (error) {
    if (hasCode(error, 'ERR_CBOR')) return fresh
    throw error
  }
}

/** The same members with values of the same types. */
function isLike(value: CborValue, pattern: CborValue): boolean {
  if (Array.isArray(pattern)) return Array.isArray(value) && value.every(item => typeof item === 'string')
  if (typeof pattern !== 'object' || pattern === null) return typeof value === typeof pattern
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) return false
  const members = pattern as { [name: string]: CborValue }
  return Object.entries(members).every(([name, like]) => Object.hasOwn(value, name) && isLike(value[name]!, like))
}
