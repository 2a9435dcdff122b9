// The state of one connection as plain data: what `step` reads and changes, what it may be told (Input) and what it may
// ask for (Effect). No socket, clock, timer or randomness lives here; the driver (transport/exchange.ts) brings frames
// and the answers of the local store, and carries effects out in order.

import { type Digest, DigestMap, DigestSet, type HashedBlock } from '../base/bytes.ts'
import { type ErrorCode, ReplicaError } from '../base/errors.ts'
import { WIRE_LIMITS } from '../base/limits.ts'
import type { Wait } from '../store/store.ts'
import type { FlowReport, LogState, OpenedTally } from './flow-report.ts'
import {
  type Cursor,
  encodeMessage,
  type FrontierSummaryFields,
  type Limits,
  type Message,
  type Mode,
} from './message.ts'

export type { FlowReport, LogState }

/** What a side is; fixed for the life of a connection. */
export interface SideConfig {
  readonly hub: string
  readonly key: Uint8Array
  readonly sign: (message: Uint8Array) => Uint8Array
  /** 32 fresh random bytes. */
  readonly nonce: Uint8Array
  readonly host: string
  /** TLS exporter where this side ends the TLS; used when both sides say they can. */
  readonly binding?: Uint8Array
  /** Whether blocks may be sent compressed on this link. */
  readonly compress: boolean
}

/** A client knows beforehand which key the hub has to prove. */
export type ClientConfig = SideConfig & { readonly role: 'client'; readonly expect: Uint8Array }
export type HubConfig = SideConfig & { readonly role: 'hub' }
export type SessionConfig = ClientConfig | HubConfig

export interface PeerIdentity {
  readonly hub: string
  readonly key: Uint8Array
  readonly caps: readonly string[]
  readonly limits: Limits
}

/** A frontier as the local store sees it when a channel opens, with what the peer may do. */
export interface FrontierSummary {
  readonly store: Uint8Array
  readonly count: number
  readonly digest: Digest
  readonly registry: Digest
  readonly heads: readonly Digest[]
  readonly cursor: Cursor | null
  readonly mayRead: boolean
  readonly mayWrite: boolean
}

export interface HeldItem {
  readonly digest: Digest
  readonly key: Uint8Array
  readonly wait: Wait
}

export interface Admission {
  readonly admitted: number
  readonly known: number
  readonly held: readonly HeldItem[]
  /** Nodes that were held before and are not any more. */
  readonly released: readonly Digest[]
  readonly refused: readonly { digest: Digest; code: ErrorCode }[]
  /** Blocks of documents that held nodes lack, a bounded number. */
  readonly documents: readonly Digest[]
}

export interface Channel {
  readonly ch: number
  readonly frontier: string
  readonly mode: Mode
  readonly initiator: boolean
  phase: 'view' | 'open' | 'heads' | 'flowing' | 'done'
  mine?: FrontierSummary
  theirs?: FrontierSummaryFields
  theirHeads: Digest[]
  source?: Source
  sink?: Sink
  /** Present where the channel stays open after its flows. */
  live?: Live
}

/** What a channel that stays open has besides; see live.ts. */
export interface Live {
  /** Ids that came from the peer and that this side's source has not yet passed in its log; cut at `echoIdsMax`. */
  readonly echo: DigestSet
  /** The first round of every flow has been reported. */
  caughtUp: boolean
  /** This side wants to stop, or was asked to. */
  stopping: boolean
  stopSent: boolean
  stopReceived: boolean
}

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
  isReading: boolean
  isExhausted: boolean
  /** Asked for by name and not yet read. */
  wants: Digest[]
  /** Ids asked for by name in this round. */
  wanted: number
  isFetching: boolean
  /** Ids that the sink holds aside already: not sent again; cut at `sinkIdsMax`. */
  heldBySink: DigestSet
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
  receivedBefore: number
  /** The cursor may follow the rounds: all nodes that came were stored or held, and none was lacking. */
  cursorHolds: boolean
  /** Something of an earlier round was refused, or wasn't complete: only equal heads can say that all is there. */
  isIncomplete: boolean
  /** An offer that the store is being asked about. */
  offer: readonly Digest[] | undefined
  /** Ids offered so far: never more than the source said it has. */
  offered: number
  /** Where known, exactly the ids that may come: none of equal heads, after offers those found lacking. */
  needed: DigestSet | undefined
  /** Nodes that came by the source's own plan, without an offer: never more than it said it has. */
  plannedNodes: number
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
  heldInRound: { digest: Digest; key: Uint8Array }[]
  /** A question to the store is under way. */
  isLookingUp: boolean
  /** Old waits were asked for, which is done when a head is held. */
  waitsRequested: boolean
  /** An ancestor had to be asked for that the source should have sent by itself. */
  planFailed: boolean
  admittingFrames: number
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
  readonly cursorHolds: boolean
}

export interface Connection {
  readonly config: SessionConfig
  phase: 'start' | 'hello' | 'proof' | 'ready' | 'closed'
  /** Both hellos as frames, until the proofs are made and checked. */
  ownHello: Uint8Array | undefined
  peerHello: Uint8Array | undefined
  peer?: PeerIdentity
  readonly channels: Map<number, Channel>
  nextChannel: number
  request: 'frontiers' | 'peers' | undefined
}

/** A node that the source's plan has read. */
export interface Row {
  readonly digest: Digest
  readonly bytes: Uint8Array
}

export type Input =
  | { in: 'start' }
  | { in: 'fail'; error: ReplicaError }
  | { in: 'frame'; frame: Uint8Array }
  | { in: 'open'; ch: number; frontier: string; mode: Mode; live?: true }
  /** The log of a live channel's frontier may have more nodes than before. */
  | { in: 'grew'; ch: number }
  /** A live channel is to be closed as soon as its rounds are reported. */
  | { in: 'stop'; ch: number }
  /** The log as it is now: the next round is about everything up to here. */
  | ({ in: 'followed'; ch: number } & LogState)
  | { in: 'list' }
  | { in: 'registry'; frontier: string }
  | { in: 'listed'; items: readonly { frontier: string; count: number; digest: Digest }[] }
  | { in: 'offered-registry'; frontier: string; data: Uint8Array | undefined }
  | { in: 'viewed'; ch: number; view: FrontierSummary | undefined }
  | { in: 'planned'; ch: number; exact: boolean }
  | { in: 'offers'; ch: number; ids: readonly Digest[] }
  | { in: 'rows'; ch: number; rows: readonly Row[]; last: boolean }
  | { in: 'fetched'; ch: number; ids: readonly Digest[]; nodes: readonly (Uint8Array | undefined)[] }
  | {
      in: 'having'
      ch: number
      why: Why
      ids: readonly Digest[]
      stored: Uint8Array
      held: Uint8Array
      state: LogState
    }
  | { in: 'waits'; ch: number; parents: readonly Digest[] }
  | { in: 'opened'; ch: number; opened: OpenedTally | undefined }
  | { in: 'admitted'; ch: number; nodes: number; bytes: number; result: Admission }

/** Why the store is asked what it has: to answer an offer, to want parents, to compare heads at the end. */
export type Why = 'offer' | 'parents' | 'heads'

export type Effect =
  /** `nodes`: how many the frame carries. */
  | { do: 'send'; message: Message; frame: Uint8Array; nodes: number }
  | { do: 'ready'; peer: PeerIdentity }
  | { do: 'list' }
  | { do: 'registry'; frontier: string }
  | { do: 'listed'; items: readonly { frontier: string; count: number; digest: Digest }[] }
  | { do: 'peers'; frontier: string; data: Uint8Array }
  | { do: 'view'; ch: number; frontier: string }
  | {
      do: 'plan'
      ch: number
      frontier: string
      heads: readonly Digest[]
      headsComplete: boolean
      theirCount: number
      ownCount: number
      cursor: number | undefined
    }
  /** What the log has beyond `from`; the plan that `rows` reads from now on. */
  | { do: 'follow'; ch: number; frontier: string; from: number }
  /** A live channel: both sides have the other's whole view, and flows begin. */
  | { do: 'opened'; ch: number }
  /** The source of a live channel has nothing under way: it may be told that the log grew. */
  | { do: 'rest'; ch: number }
  /** A round of a live channel was reported: nodes that it carried, and what became of them. */
  /** `stated`: the source's log as the end of the round said. */
  | { do: 'round'; ch: number; direction: 'in' | 'out'; nodes: number; tally: FlowReport; stated: LogState }
  /** The first round of each flow of a live channel has been reported. */
  | { do: 'live'; ch: number; channel: Channel }
  | { do: 'offers'; ch: number; max: number }
  | { do: 'answer'; ch: number; has: Uint8Array }
  | { do: 'rows'; ch: number }
  | { do: 'fetch'; ch: number; frontier: string; ids: readonly Digest[] }
  | { do: 'have'; ch: number; frontier: string; why: Why; ids: readonly Digest[] }
  | { do: 'waits'; ch: number; frontier: string }
  /** Which conflicts were opened by the nodes of the log from `since` on. */
  | { do: 'conflicts'; ch: number; frontier: string; since: number }
  | { do: 'admit'; ch: number; frontier: string; nodes: readonly HashedBlock[]; bytes: number }
  /** `registry`: the digest of the registry under which this was stored or held. Written at once unless it may be `later`. */
  | { do: 'remember'; ch: number; frontier: string; cursor: Cursor; registry: Digest; later: boolean }
  | { do: 'done'; ch: number; channel: Channel }
  | { do: 'failed'; ch: number; error: ReplicaError }
  /** `from`: who found the error; the other side has been told, or has told us. */
  | { do: 'close'; error: ReplicaError; from: 'here' | 'peer' }

export function newConnection(config: SessionConfig): Connection {
  return {
    config,
    phase: 'start',
    ownHello: undefined,
    peerHello: undefined,
    channels: new Map(),
    nextChannel: 1,
    request: undefined,
  }
}

export function ownLimits(): Limits {
  const { frameBytesMax, creditBytes, creditNodes } = WIRE_LIMITS
  return { frame: frameBytesMax, creditBytes, creditNodes }
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
    isReading: false,
    isExhausted: false,
    wants: [],
    wanted: 0,
    isFetching: false,
    heldBySink: new DigestSet(),
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
    receivedBefore: 0,
    cursorHolds: false,
    isIncomplete: false,
    offer: undefined,
    offered: 0,
    needed: undefined,
    plannedNodes: 0,
    wanted: new DigestSet(),
    asked: new DigestSet(),
    missing: new DigestSet(),
    documents: new DigestSet(),
    refusedIds: new DigestSet(),
    heldIds: new DigestMap(),
    heldInRound: [],
    isLookingUp: false,
    waitsRequested: false,
    planFailed: false,
    admittingFrames: 0,
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

/** Appends a send and returns the encoded frame. `nodes`: how many nodes it carries. */
export function send(out: Effect[], message: Message, nodes = 0): Uint8Array {
  const frame = encodeMessage(message)
  out.push({ do: 'send', message, frame, nodes })
  return frame
}

/** Tells the peer of an error: about one channel, about a request (`ch` 0), or (null) about the connection. */
export function sendError(out: Effect[], ch: number | null, code: ErrorCode, message: string): void {
  send(out, { t: 'error', ch, code, message })
}

/** A message that the state doesn't allow. */
export function protocolError(message: { readonly t: string }, when: string): ReplicaError {
  return new ReplicaError('ERR_SYNC_ORDER', `a '${message.t}' message ${when}`)
}

/** Keeps a cursor for this peer: everything of its log below `seq` is stored or held. 0 forgets it, at once. */
export function saveCursor({ ch, frontier, mine, theirs, live }: Channel, seq: number, out: Effect[]): void {
  const cursor = { store: theirs!.store, seq }
  out.push({ do: 'remember', ch, frontier, cursor, registry: mine!.registry, later: live !== undefined && seq > 0 })
}
