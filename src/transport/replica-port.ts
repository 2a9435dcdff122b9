// `ReplicaPort`: what a session needs of the local replica.
// `replica/sync/sync-server.ts` implements it; tests have other implementations. Nothing here
// depends on frames or sockets.

import type { Digest, HashedBlock } from '../base/bytes.ts'
import type { KeptTexts, TextFilter } from '../base/text-filter.ts'
import type { Admission, Effect, FrontierSummary, LogState, PeerIdentity, Row } from '../sync/connection.ts'
import type { OpenedTally } from '../sync/flow-report.ts'
import type { Cursor } from '../sync/message.ts'

/** How a source reads nodes. */
export interface RowsOptions {
  /** The texts that come with the nodes, besides those of erasures. */
  readonly texts: KeptTexts
}

/** Nodes whose texts to request from a peer. `match`: only texts of matching events. */
export interface TextRequest {
  readonly ids: readonly Digest[]
  readonly match?: TextFilter
}

/** Finds and reads what a sink lacks, for the source of one flow. One call at a time. */
export interface SendPlan {
  /** Whether the plan is known without offers to the sink. */
  readonly exact: boolean
  /** Returns the next ids to offer, newest first; none once everything is known. */
  next(max: number): Promise<readonly Digest[]>
  /**
   * Takes the sink's reply to the last offer: bit i is set if it stores id i, least significant bit
   * first.
   */
  answer(has: Uint8Array): void
  /** Returns the next nodes to send, parents first: about one frame. `last`: no node follows. */
  rows(options: RowsOptions): Promise<{ rows: readonly Row[]; last: boolean }>
}

/** The log from one sequence number to its end at that moment: the content of a later round. */
export interface LogTail extends LogState {
  /** Trace of the log, now and then: it costs some reads. */
  readonly trace?: Digest
  /** Returns the next nodes in log order: about one frame. `last` comes with the last of them. */
  rows(options: RowsOptions): Promise<{ rows: readonly Row[]; last: boolean }>
}

/** The input of a send plan. */
export type SendPlanRequest = Extract<Effect, { do: 'plan' }>

/**
 * Access of a session to the local replica. A method that rejects with a ReplicaError ends the
 * session. After `signal` fires, the result is no longer needed.
 */
export interface ReplicaPort {
  /** Returns the frontier's summary with the peer's rights; undefined if it is not kept here. */
  view(frontier: string, peer: PeerIdentity): Promise<FrontierSummary | undefined>
  /** Finds what the sink lacks. A cursor that is not of this log is not used. */
  plan(
    request: SendPlanRequest,
    about: { readonly peer: PeerIdentity; readonly signal: AbortSignal },
  ): Promise<SendPlan>
  /**
   * Returns the log from `from` on.
   * @throws ReplicaError ERR_SYNC_FORBIDDEN if the peer may no longer read it
   */
  follow(frontier: string, from: number, peer: PeerIdentity): Promise<LogTail>
  /**
   * Calls `listener` after each durable commit of a frontier.
   * @returns a function that unsubscribes
   */
  subscribe(frontier: string, listener: () => void): Promise<() => void>
  /**
   * Calls `listener` once when a live channel with a peer has to be opened again: the registry's
   * digest differs from `since`, and held nodes were decided by the new registry; or a wanted text
   * can be requested from the peer again.
   * @returns a function that unsubscribes
   */
  watch(
    frontier: string,
    about: { readonly since: Digest; readonly peer: PeerIdentity },
    listener: () => void,
  ): Promise<() => void>
  /** Returns which ids are stored or held, one bit each, and the state of the log. */
  have(
    frontier: string,
    ids: readonly Digest[],
  ): Promise<{ stored: Uint8Array; held: Uint8Array; state: LogState; wantsTexts?: true }>
  /**
   * Returns stored nodes whose texts to request from this peer, oldest first: a bounded number, and
   * none that was requested from it a short time ago.
   */
  texts(frontier: string, peer: PeerIdentity): Promise<TextRequest>
  /**
   * Returns parents and documents that held nodes wait for and that are neither stored nor held; a
   * bounded number.
   */
  waits(frontier: string): Promise<readonly Digest[]>
  /**
   * Returns the conflicts that nodes from `since` on opened; undefined if they were not computed.
   */
  conflicts(frontier: string, since: number, peer: PeerIdentity): Promise<OpenedTally | undefined>
  /**
   * Reads nodes and document blocks, in order: as many of the first ids as fit about one frame, at
   * least one. Undefined stands for a block that is not stored; with `texts`, also for a node whose
   * text is not here.
   */
  fetch(
    frontier: string,
    ids: readonly Digest[],
    options?: { readonly texts?: 'all' | TextFilter },
  ): Promise<{ ids: readonly Digest[]; nodes: readonly (Uint8Array | undefined)[] }>
  /**
   * Hands blocks to the gate.
   * @throws ReplicaError ERR_SYNC_FORBIDDEN if the peer may no longer write
   */
  admit(frontier: string, blocks: readonly HashedBlock[], peer: PeerIdentity): Promise<Admission>
  /** Saves the cursor for this peer. It becomes invalid once the registry has another digest. */
  remember(frontier: string, peer: PeerIdentity, cursor: Cursor, registry: Digest): Promise<void>
  /** Returns the frontiers that the peer may read. */
  list(peer: PeerIdentity): Promise<{ frontier: string; count: number; digest: Digest }[]>
  /** Returns the signed registry of a frontier; undefined if the peer may not read it. */
  registry(frontier: string, peer: PeerIdentity): Promise<Uint8Array | undefined>
}
