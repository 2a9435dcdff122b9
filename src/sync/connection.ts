// Connection, channel and flow state as plain data, and the unions `Input` and `Effect`.
// `step` reads and changes the state; the inputs are all that it learns, and the effects are all
// that it requests. Nothing here uses a socket, clock, timer or randomness. The session
// (`transport/session.ts`) delivers frames and results of the local store, and performs effects in
// order. The session vectors contain inputs and effects, so their member names are fixed.
// Spec: protocol/sync.md.

import { type Digest, DigestMap, DigestSet, type HashedBlock } from '../base/bytes.ts'
import { type ErrorCode, ReplicaError } from '../base/errors.ts'
import { WIRE_LIMITS } from '../base/limits.ts'
import type { TextFilter } from '../base/text-filter.ts'
import type { Wait } from '../store/store.ts'
import type { FlowReport, LogState, OpenedTally } from './flow-report.ts'
import {
  type Cursor,
  encodeMessage,
  type FrontierSummaryFields,
  type Limits,
  type Message,
  type Mode,
  type SentTexts,
} from './message.ts'

export type { FlowReport, LogState }

/** One side of a connection; fixed for its lifetime. */
export interface SideConfig {
  /** The hub id of this side. */
  readonly hub: string
  /** The public key of this side, 32 bytes. */
  readonly key: Uint8Array
  /** Signs with the key of this side. */
  readonly sign: (message: Uint8Array) => Uint8Array
  /** 32 random bytes, new for each connection. */
  readonly nonce: Uint8Array
  /** Authority that the client dialled. */
  readonly host: string
  /** TLS exporter, if this side terminates TLS. It is bound in if both hellos offer it. */
  readonly binding?: Uint8Array
  /** Whether blocks may be sent compressed on this link. */
  readonly compress: boolean
}

/** A client knows in advance which key the hub has to prove. */
export type ClientConfig = SideConfig & { readonly role: 'client'; readonly expect: Uint8Array }
/** The hub's side. */
export type HubConfig = SideConfig & { readonly role: 'hub' }
/** Either side. */
export type SessionConfig = ClientConfig | HubConfig

/** The peer, from its hello. */
export interface PeerIdentity {
  readonly hub: string
  readonly key: Uint8Array
  /** Capabilities that its hello names. */
  readonly caps: readonly string[]
  readonly limits: Limits
}

/** A frontier in the local store when a channel opens, with the peer's rights. */
export interface FrontierSummary {
  readonly store: Uint8Array
  readonly count: number
  readonly digest: Digest
  /** Trace of the log (log-trace.ts). */
  readonly trace: Digest
  readonly registry: Digest
  readonly heads: readonly Digest[]
  readonly cursor: Cursor | null
  /** This side keeps no texts, or those that match a filter. */
  readonly texts?: SentTexts
  readonly mayRead: boolean
  readonly mayWrite: boolean
}

/** A held node, with the key that signed it and its wait. */
export interface HeldItem {
  readonly digest: Digest
  readonly key: Uint8Array
  readonly wait: Wait
}

/** The gate's results for the blocks of a frame. */
export interface Admission {
  readonly admitted: number
  readonly known: number
  readonly held: readonly HeldItem[]
  /** Nodes that were held before and no longer are. */
  readonly released: readonly Digest[]
  readonly refused: readonly { digest: Digest; code: ErrorCode }[]
  /** Missing document blocks of held nodes, a bounded number. */
  readonly documents: readonly Digest[]
}

/** One channel: the synchronization of one frontier. */
export interface Channel {
  readonly ch: number
  readonly frontier: string
  readonly mode: Mode
  readonly initiator: boolean
  phase: 'view' | 'open' | 'heads' | 'flowing' | 'done'
  /** This side's summary, once the store has delivered it. */
  mine?: FrontierSummary
  /** The peer's summary, once it has opened. */
  theirs?: FrontierSummaryFields
  /** The peer's heads, collected over all pages. */
  theirHeads: Digest[]
  source?: Source
  sink?: Sink
  /** Present if the channel stays open after its flows. */
  live?: Live
}

/** Additional state of a live channel; see `live-rounds.ts`. */
export interface Live {
  /**
   * Ids received from the peer that this side's source has not passed in its log; at most
   * `echoIdsMax`.
   */
  readonly echo: DigestSet
  /** The first round of each flow is reported. */
  caughtUp: boolean
  /** This side wants to stop, or the peer has asked for it. */
  stopping: boolean
  stopSent: boolean
  stopReceived: boolean
}

/**
 * The side of a flow that has nodes. Further rounds of a live channel reset what counts per round.
 */
export interface Source {
  phase: 'planning' | 'offering' | 'sending' | 'ended' | 'reported' | 'following'
  /** Reported rounds; more than one on a live channel only. */
  rounds: number
  /**
   * The state of the log that the running round's end will state; between rounds, the last stated
   * one.
   */
  target: LogState & { readonly trace?: Digest }
  /** Nodes sent in earlier rounds. */
  sentBefore: number
  /**
   * Ids in the next offer. It doubles with each offer, so offers cost at most twice the difference.
   */
  offerSize: number
  /** The last offer, until the sink has replied. */
  offered: readonly Digest[]
  /** Nodes that are read and not sent. */
  queue: Uint8Array[]
  isReading: boolean
  isExhausted: boolean
  /** Ids that the sink wants and that are not read yet. */
  wants: Digest[]
  /** Ids that the sink wanted in this round. */
  wanted: number
  /** Nodes whose texts the sink requested and that are not read yet. */
  texts: Digest[]
  /** Texts that the sink requested in this round. */
  textsRequested: number
  /** The filter of the last request for texts. */
  textsMatch: TextFilter | undefined
  isFetching: boolean
  /** The ids that are fetched are of `texts`, not of `wants`. */
  isFetchingTexts: boolean
  /** Ids that the sink holds already; they are not sent again. At most `sinkIdsMax`. */
  heldBySink: DigestSet
  sentNodes: number
  sentBytes: number
  ackedNodes: number
  ackedBytes: number
  /** The sink's last report. */
  report?: FlowReport
}

/** The side of a flow that lacks nodes. */
export interface Sink {
  phase: 'receiving' | 'settling' | 'reported'
  /** Reported rounds; more than one on a live channel only. */
  rounds: number
  /** The source's log as its last end stated it. */
  ended: TracedState
  /** Nodes received in earlier rounds. */
  receivedBefore: number
  /**
   * The cursor may follow the rounds: every received node was stored or held, and none was missing.
   */
  cursorHolds: boolean
  /** An earlier round had refused or missing nodes, so only equal heads prove completeness. */
  isIncomplete: boolean
  /** The offer that the store is looking up. */
  offer: readonly Digest[] | undefined
  /** Ids offered so far; never more than the source's count. */
  offered: number
  /**
   * If known, exactly the ids that may arrive: none for equal heads, the missing ids after offers.
   */
  needed: DigestSet | undefined
  /**
   * Nodes received without an offer, by the source's own plan; never more than the source's count.
   */
  plannedNodes: number
  /** Wanted ids without a reply. */
  wanted: DigestSet
  /** Nodes whose texts were requested and not answered. They are in `wanted` too. */
  wantedTexts: DigestSet
  /** The store was asked in this round which texts it wants. */
  textsListed: boolean
  /** All ids wanted in this round: none is wanted twice. */
  asked: DigestSet
  /** Ancestors and documents to look up, then to want. */
  missing: DigestSet
  /** The documents among the missing ids: the source does not send these by itself. */
  documents: DigestSet
  refusedIds: DigestSet
  /** Nodes that are held now, with the key that signed each; at most `sinkIdsMax`. */
  heldIds: DigestMap<Uint8Array>
  /** The first nodes held in this round, for its report. */
  heldInRound: { digest: Digest; key: Uint8Array }[]
  /** The store is looking something up. */
  isLookingUp: boolean
  /** The waits of older held nodes were requested. This happens if a head is held. */
  waitsRequested: boolean
  /** An ancestor had to be wanted that the source should have sent by itself. */
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
  /** The content of the report, while the opened conflicts are computed. */
  outcome?: Outcome
  /** The last report. */
  result?: FlowReport
}

/** A state of a log with its trace, which is not stated for each round. */
export interface TracedState extends LogState {
  readonly trace: Digest | undefined
}

/** How a round ended at a sink. */
export interface Outcome extends LogState {
  readonly complete: boolean
  /** Everything up to its end is stored or held. */
  readonly cursorHolds: boolean
}

/** The state of one connection. */
export interface Connection {
  readonly config: SessionConfig
  phase: 'start' | 'hello' | 'proof' | 'ready' | 'closed'
  /** Both hellos as frames, until the proofs are made and verified. */
  ownHello: Uint8Array | undefined
  peerHello: Uint8Array | undefined
  peer?: PeerIdentity
  readonly channels: Map<number, Channel>
  nextChannel: number
  request: 'frontiers' | 'peers' | undefined
}

/** A node that a send plan has read. */
export interface Row {
  readonly digest: Digest
  readonly bytes: Uint8Array
}

/**
 * Everything that `step` learns: commands of the session, frames, and results of the local store.
 */
export type Input =
  | { in: 'start' }
  | { in: 'fail'; error: ReplicaError }
  | { in: 'frame'; frame: Uint8Array }
  | { in: 'open'; ch: number; frontier: string; mode: Mode; live?: true }
  /** The log of a live channel's frontier may have grown. */
  | { in: 'grew'; ch: number }
  /** The session asks to close a live channel once its rounds are reported. */
  | { in: 'stop'; ch: number }
  /** The log as it is now: the next round ends here. */
  /** `trace`: where the end of the round states it. */
  | ({ in: 'followed'; ch: number; trace?: Digest } & LogState)
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
      /** Texts of stored nodes are wanted. */
      wantsTexts?: true
    }
  | { in: 'texts'; ch: number; ids: readonly Digest[]; match?: TextFilter }
  | { in: 'waits'; ch: number; parents: readonly Digest[] }
  | { in: 'opened'; ch: number; opened: OpenedTally | undefined }
  | { in: 'admitted'; ch: number; nodes: number; bytes: number; result: Admission }

/** Purpose of a lookup: to reply to an offer, to want parents, to compare heads at the end. */
export type Why = 'offer' | 'parents' | 'heads'

/** Everything that `step` requests, in order. */
export type Effect =
  /** `nodes`: number of nodes in the frame. */
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
      /** A cursor of the sink for this store. Its trace has to be compared with the log. */
      cursor: Cursor | undefined
    }
  /** Requests the log from `from` on. It becomes the plan that `rows` reads. */
  | { do: 'follow'; ch: number; frontier: string; from: number }
  /** A live channel: both sides have the other's summary, and the flows begin. */
  | { do: 'opened'; ch: number }
  /** The source of a live channel is idle and can take `grew`. */
  | { do: 'rest'; ch: number }
  /**
   * A round of a live channel was reported. `nodes`: nodes that it carried; `tally`: what became of
   * them; `stated`: the source's log at the end of the round.
   */
  | { do: 'round'; ch: number; direction: 'in' | 'out'; nodes: number; tally: FlowReport; stated: LogState }
  /** The first round of each flow of a live channel is reported. */
  | { do: 'live'; ch: number; channel: Channel }
  | { do: 'offers'; ch: number; max: number }
  | { do: 'answer'; ch: number; has: Uint8Array }
  /** `texts`: the texts to send; default: all that are here. */
  | { do: 'rows'; ch: number; texts?: SentTexts }
  /** `texts`: only nodes whose text is here and matches. */
  | { do: 'fetch'; ch: number; frontier: string; ids: readonly Digest[]; texts?: 'all' | TextFilter }
  /** Requests the nodes whose texts to request from the peer. */
  | { do: 'texts'; ch: number; frontier: string }
  | { do: 'have'; ch: number; frontier: string; why: Why; ids: readonly Digest[] }
  | { do: 'waits'; ch: number; frontier: string }
  /** Requests the conflicts that nodes from `since` on opened. */
  | { do: 'conflicts'; ch: number; frontier: string; since: number }
  | { do: 'admit'; ch: number; frontier: string; nodes: readonly HashedBlock[]; bytes: number }
  /**
   * Saves a cursor. `registry`: digest of the registry under which the nodes were stored or held.
   * `later`: the write may be delayed.
   */
  | { do: 'remember'; ch: number; frontier: string; cursor: Cursor; registry: Digest; later: boolean }
  | { do: 'done'; ch: number; channel: Channel }
  | { do: 'failed'; ch: number; error: ReplicaError }
  /** `from`: the side that found the error. The other side knows it. */
  | { do: 'close'; error: ReplicaError; from: 'here' | 'peer' }

/** Returns a connection before its handshake. */
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

/** Returns the limits that this side states in its hello. */
export function ownLimits(): Limits {
  const { frameBytesMax, creditBytes, creditNodes } = WIRE_LIMITS
  return { frame: frameBytesMax, creditBytes, creditNodes }
}

/** Returns a source whose first round ends at this state of the log. */
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
    texts: [],
    textsRequested: 0,
    textsMatch: undefined,
    isFetching: false,
    isFetchingTexts: false,
    heldBySink: new DigestSet(),
    sentNodes: 0,
    sentBytes: 0,
    ackedNodes: 0,
    ackedBytes: 0,
  }
}

/** Returns a sink that expects the source's log up to this state. */
export function newSink({ count, digest, trace }: TracedState): Sink {
  return {
    phase: 'receiving',
    rounds: 0,
    ended: { count, digest, trace },
    receivedBefore: 0,
    cursorHolds: false,
    isIncomplete: false,
    offer: undefined,
    offered: 0,
    needed: undefined,
    plannedNodes: 0,
    wanted: new DigestSet(),
    wantedTexts: new DigestSet(),
    textsListed: false,
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

/** Appends a send effect and returns the frame. `nodes`: number of nodes in the frame. */
export function send(out: Effect[], message: Message, nodes = 0): Uint8Array {
  const frame = encodeMessage(message)
  out.push({ do: 'send', message, frame, nodes })
  return frame
}

/**
 * Sends an error about a channel, about the running request (`ch` 0) or about the connection
 * (null).
 */
export function sendError(out: Effect[], ch: number | null, code: ErrorCode, message: string): void {
  send(out, { t: 'error', ch, code, message })
}

/** Returns the error of a message that the state does not allow. */
export function protocolError(message: { readonly t: string }, when: string): ReplicaError {
  return new ReplicaError('ERR_SYNC_ORDER', `a '${message.t}' message ${when}`)
}

/**
 * Saves a cursor for the peer: every node of its log below `seq` is stored or held. 0 removes the
 * cursor at once.
 */
export function saveCursor(
  { ch, frontier, mine, theirs, live }: Channel,
  { seq, trace }: Pick<Cursor, 'seq' | 'trace'>,
  out: Effect[],
): void {
  const cursor = { store: theirs!.store, seq, trace }
  out.push({ do: 'remember', ch, frontier, cursor, registry: mine!.registry, later: live !== undefined && seq > 0 })
}
