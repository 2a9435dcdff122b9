// What a session asks of the local replica. The replica implements it (replica/services.ts); tests have others. Nothing
// here knows frames or sockets.

import type { Digest, HashedBlock } from '../base/bytes.ts'
import type { Admission, Effect, FrontierSummary, LogState, PeerIdentity, Row } from '../sync/connection.ts'
import type { OpenedTally } from '../sync/flow-report.ts'
import type { Cursor } from '../sync/message.ts'

/** How the source of a flow finds and reads what the sink lacks; made by `Services.plan`. One call at a time. */
export interface SendPlan {
  /** Whether no question to the sink is needed. */
  readonly exact: boolean
  /** The next ids to offer, newest first; none when all is known. */
  next(max: number): Promise<readonly Digest[]>
  /** Which of the last offered ids the sink stores (bit i, least significant first). */
  answer(has: Uint8Array): void
  /** The next nodes to send, parents first: about a frame's worth. */
  rows(): Promise<{ rows: readonly Row[]; last: boolean }>
}

/** The log from one sequence number to its end as it was: what a later round of a live channel is about. */
export interface LogTail extends LogState {
  /** The next nodes in their order: about a frame's worth. `last` comes with the last of them. */
  rows(): Promise<{ rows: readonly Row[]; last: boolean }>
}

export type SendPlanRequest = Extract<Effect, { do: 'plan' }>

/**
 * What a session needs of the local replica. Every method may reject with a ReplicaError, which ends the session. Where
 * a `signal` is given, the answer is not wanted any more once it is aborted.
 */
export interface ReplicaPort {
  view(frontier: string, peer: PeerIdentity): Promise<FrontierSummary | undefined>
  plan(request: SendPlanRequest, signal: AbortSignal): Promise<SendPlan>
  /** @throws ReplicaError ERR_SYNC_FORBIDDEN when the peer may not read it any more */
  follow(frontier: string, from: number, peer: PeerIdentity): Promise<LogTail>
  /** Tells of each commit to the frontier's log, after it is durable. Answers how to end it. */
  subscribe(frontier: string, listener: () => void): Promise<() => void>
  /**
   * Tells, once, that the registry of a frontier has another digest than this, after what was held has been judged by it. Answers
   * how to end it.
   */
  watchRegistry(frontier: string, since: Digest, listener: () => void): Promise<() => void>
  have(frontier: string, ids: readonly Digest[]): Promise<{ stored: Uint8Array; held: Uint8Array; state: LogState }>
  /** Parents and documents that held nodes wait for and that are neither stored nor held; a bounded number. */
  waits(frontier: string): Promise<readonly Digest[]>
  /** Which conflicts the nodes from `since` on opened; undefined where that is not looked for. */
  conflicts(frontier: string, since: number, peer: PeerIdentity): Promise<OpenedTally | undefined>
  /** Nodes and blocks of documents: as many of the first ids as fit a frame or so, in order, at least one; undefined for those that are not stored. */
  fetch(
    frontier: string,
    ids: readonly Digest[],
  ): Promise<{ ids: readonly Digest[]; nodes: readonly (Uint8Array | undefined)[] }>
  admit(frontier: string, blocks: readonly HashedBlock[], peer: PeerIdentity): Promise<Admission>
  /** Keeps the cursor for this peer. It means nothing any more once the registry has another digest than this. */
  remember(frontier: string, peer: PeerIdentity, cursor: Cursor, registry: Digest): Promise<void>
  list(peer: PeerIdentity): Promise<{ frontier: string; count: number; digest: Digest }[]>
  registry(frontier: string, peer: PeerIdentity): Promise<Uint8Array | undefined>
}
