// The two ends of a flow as plain data: the source that has nodes, and the sink that lacks them. A flow of a live channel
// has further rounds; what counts since the channel opened stays, the rest starts again with each.

import { type Digest, DigestMap, DigestSet } from '../base/bytes.ts'
import type { FlowReport, LogState } from './flow-report.ts'

export interface Source {
  phase: 'planning' | 'offering' | 'sending' | 'ended' | 'reported' | 'following'
  /** Rounds reported so far; only a live channel has more than one. */
  rounds: number
  /** What the end of the round under way will say of the log; at rest, what the last one said. */
  target: LogState
  /** Nodes sent before the round under way. */
  sentBefore: number
  /** Ids in the next offer; doubles with each, so that asking costs at most twice the difference. */
  offerSize: number
  /** The last offer, until the sink has answered it. */
  offered: readonly Digest[]
  /** Nodes read and not yet sent. */
  queue: Uint8Array[]
  reading: boolean
  exhausted: boolean
  /** Asked for by name and not yet read. */
  wants: Digest[]
  /** Ids asked for by name in this round. */
  wanted: number
  fetching: boolean
  /** Ids that the sink holds aside already: not sent again; cut at `sinkIdsMax`. */
  skip: DigestSet
  sentNodes: number
  sentBytes: number
  ackedNodes: number
  ackedBytes: number
  /** What the sink said last. */
  report?: FlowReport
}

export interface Sink {
  phase: 'receiving' | 'settling' | 'reported'
  /** Rounds reported so far; only a live channel has more than one. */
  rounds: number
  /** The log of the source at its last end. */
  ended: LogState
  /** Nodes that had come before the round under way. */
  cameBefore: number
  /** The cursor may follow the rounds: all nodes that came were stored or held, and none was lacking. */
  kept: boolean
  /** Something of an earlier round was refused, or wasn't complete: only equal heads can say that all is there. */
  behind: boolean
  /** An offer that the store is being asked about. */
  offer: readonly Digest[] | undefined
  /** Ids offered so far: never more than the source said it has. */
  offered: number
  /** Where known, exactly the ids that may come: none of equal heads, after offers those found lacking. */
  needed: DigestSet | undefined
  /** Nodes that came by the source's own plan, without an offer: never more than it said it has. */
  planned: number
  /** Asked for by name and not yet answered. */
  wanted: DigestSet
  /** All that was asked for by name in this round: nothing is asked for twice. */
  asked: DigestSet
  /** Ancestors and documents to look up and then ask for. */
  missing: DigestSet
  /** Which of the missing are documents: no plan of the source has those. */
  documents: DigestSet
  refusedIds: DigestSet
  /** Held and not released since, with the key that signed; cut at `sinkIdsMax`. */
  heldIds: DigestMap<Uint8Array>
  /** The first of those that were held in this round: what its report lists. */
  heldNow: { digest: Digest; key: Uint8Array }[]
  /** A question to the store is under way. */
  looking: boolean
  /** Old waits were asked for, which is done when a head is held. */
  waitsSeen: boolean
  /** An ancestor had to be asked for that the source should have sent by itself. */
  planFailed: boolean
  admitting: number
  /** Received and not yet durable. */
  openNodes: number
  openBytes: number
  durableNodes: number
  durableBytes: number
  admitted: number
  known: number
  refusedCount: number
  refused: { digest: Digest; code: string }[]
  /** What the report will say, while it is found out which conflicts were opened. */
  outcome?: Outcome
  /** The last report. */
  result?: FlowReport
}

/** How a round ended at a sink. */
export interface Outcome extends LogState {
  readonly complete: boolean
  /** Everything up to its end is stored or held. */
  readonly kept: boolean
}

/** A source whose first round is about the log as it was then. */
export function newSource({ count, digest }: LogState): Source {
  return {
    phase: 'planning',
    rounds: 0,
    target: { count, digest },
    sentBefore: 0,
    offerSize: 32,
    offered: [],
    queue: [],
    reading: false,
    exhausted: false,
    wants: [],
    wanted: 0,
    fetching: false,
    skip: new DigestSet(),
    sentNodes: 0,
    sentBytes: 0,
    ackedNodes: 0,
    ackedBytes: 0,
  }
}

/** A sink that expects the source's log up to here. */
export function newSink({ count, digest }: LogState): Sink {
  return {
    phase: 'receiving',
    rounds: 0,
    ended: { count, digest },
    cameBefore: 0,
    kept: false,
    behind: false,
    offer: undefined,
    offered: 0,
    needed: undefined,
    planned: 0,
    wanted: new DigestSet(),
    asked: new DigestSet(),
    missing: new DigestSet(),
    documents: new DigestSet(),
    refusedIds: new DigestSet(),
    heldIds: new DigestMap(),
    heldNow: [],
    looking: false,
    waitsSeen: false,
    planFailed: false,
    admitting: 0,
    openNodes: 0,
    openBytes: 0,
    durableNodes: 0,
    durableBytes: 0,
    admitted: 0,
    known: 0,
    refusedCount: 0,
    refused: [],
  }
}
