// The state of one connection as plain data: what `step` reads and changes, what it may be told (Input) and what it may
// ask for (Effect). No socket, clock, timer or randomness lives here; the driver (transport/exchange.ts) brings frames
// and the answers of the local store, and carries effects out in order.

import { type Digest, DigestMap, DigestSet } from '../bytes.ts'
import type { ErrorCode, ReplicaError } from '../errors.ts'
import { WIRE_LIMITS } from '../limits.ts'
import type { Wait } from '../store/store.ts'
import type { Cursor, Limits, Message, Mode, ViewFields } from './message.ts'

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
export type Config = ClientConfig | HubConfig

export interface PeerIdentity {
  readonly hub: string
  readonly key: Uint8Array
  readonly caps: readonly string[]
  readonly limits: Limits
}

/** A frontier as the local store sees it when a channel opens, with what the peer may do. */
export interface View {
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
}

/** What a sink did with what it was sent; lists are cut at `reportItemsMax`, counts are whole. */
export interface Tally extends LogState {
  readonly admitted: number
  readonly known: number
  readonly held: readonly { digest: Digest; key: Uint8Array }[]
  readonly heldCount: number
  readonly refused: readonly { digest: Digest; code: string }[]
  readonly refusedCount: number
  /** Whether the sink now stores every head that the source stated. */
  readonly complete: boolean
}

export interface Source {
  phase: 'planning' | 'offering' | 'sending' | 'ended' | 'reported'
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
  /** Ids asked for by name since the channel opened. */
  wanted: number
  fetching: boolean
  /** Ids that the sink holds aside already: not sent again; cut at `sinkIdsMax`. */
  skip: DigestSet
  sentNodes: number
  sentBytes: number
  ackedNodes: number
  ackedBytes: number
  report?: Tally
}

export interface Sink {
  phase: 'receiving' | 'settling' | 'reported'
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
  /** All that was ever asked for by name on this channel: nothing is asked for twice. */
  asked: DigestSet
  /** Ancestors to look up and then ask for. */
  missing: DigestSet
  refusedIds: DigestSet
  /** Held and not released since, with the key that signed; cut at `sinkIdsMax`. */
  heldIds: DigestMap<Uint8Array>
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
  result?: Tally
}

export interface Channel {
  readonly ch: number
  readonly frontier: string
  readonly mode: Mode
  readonly initiator: boolean
  phase: 'view' | 'open' | 'heads' | 'flowing' | 'done'
  mine?: View
  theirs?: ViewFields
  theirHeads: Digest[]
  source?: Source
  sink?: Sink
}

export interface Connection {
  readonly config: Config
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
  | { in: 'open'; ch: number; frontier: string; mode: Mode }
  | { in: 'list' }
  | { in: 'registry'; frontier: string }
  | { in: 'listed'; items: readonly { frontier: string; count: number; digest: Digest }[] }
  | { in: 'offered-registry'; frontier: string; data: Uint8Array | undefined }
  | { in: 'viewed'; ch: number; view: View | undefined }
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
  | { in: 'admitted'; ch: number; nodes: number; bytes: number; result: Admission }

/** Why the store is asked what it has: to answer an offer, to want parents, to compare heads at the end. */
export type Why = 'offer' | 'parents' | 'heads'

export interface LogState {
  readonly count: number
  readonly digest: Digest
}

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
  | { do: 'offers'; ch: number; max: number }
  | { do: 'answer'; ch: number; has: Uint8Array }
  | { do: 'rows'; ch: number }
  | { do: 'fetch'; ch: number; frontier: string; ids: readonly Digest[] }
  | { do: 'have'; ch: number; frontier: string; why: Why; ids: readonly Digest[] }
  | { do: 'waits'; ch: number; frontier: string }
  | { do: 'admit'; ch: number; frontier: string; nodes: readonly Uint8Array[]; bytes: number }
  /** `registry`: the digest of the registry under which this was stored or held. */
  | { do: 'remember'; frontier: string; cursor: Cursor; registry: Digest }
  | { do: 'done'; ch: number; channel: Channel }
  | { do: 'failed'; ch: number; error: ReplicaError }
  /** `from`: who found the error; the other side has been told, or has told us. */
  | { do: 'close'; error: ReplicaError; from: 'here' | 'peer' }

export function newConnection(config: Config): Connection {
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

export function newSource(): Source {
  return {
    phase: 'planning',
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

export function newSink(): Sink {
  return {
    phase: 'receiving',
    offer: undefined,
    offered: 0,
    needed: undefined,
    planned: 0,
    wanted: new DigestSet(),
    asked: new DigestSet(),
    missing: new DigestSet(),
    refusedIds: new DigestSet(),
    heldIds: new DigestMap(),
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

export function ownLimits(): Limits {
  const { frameBytesMax, creditBytes, creditNodes } = WIRE_LIMITS
  return { frame: frameBytesMax, creditBytes, creditNodes }
}
