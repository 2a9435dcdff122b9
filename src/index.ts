// Public names of the package: re-exports only.

// The reference's names: what needs a network or a store is here, what is pure also in `frontier-replica/vela`. Its `SyncReport` is
// ComparisonReport here, where a SyncReport is that of push and pull.

export type { LinkCodec } from './codec/cid.ts'
export type { Link } from './codec/node.ts'
export type { Action, IdPair } from './dag/closure.ts'
export {
  causalClosure,
  classify,
  classify as classifyPeerEventSet,
  isCausallyClosed,
  missingAncestors,
} from './dag/closure.ts'
export { compareByTime, topologicalOrder } from './dag/order.ts'
export type { ErrorCode, ErrorFacts, ExitCode } from './errors.ts'
export { CODES, hasCode, ReplicaError } from './errors.ts'
export type { AppendInput, AppendOptions, AppendReport } from './replica/append.ts'
export type { ChangesOptions } from './replica/changes.ts'
export type { CompareOptions, CompareWith, Comparison } from './replica/compare.ts'
export type {
  CarrierView,
  ComputedConflict,
  ConflictExplained,
  ConflictSide,
  ConflictView,
  FrontierConflicts,
  ListedConflict,
  RecordedConflict,
} from './replica/conflicts.ts'
export type { Documents } from './replica/documents.ts'
export type { ExchangeReport, WayReport } from './replica/exchanging.ts'
export { discoverPeerFrontier, type FetchOptions, fetchPeerFrontier, type PeerPlace } from './replica/fetch.ts'
export type { ForkReport } from './replica/fork.ts'
export type { ImportFault, ImportOptions, ImportProgress, ImportReport, LogReader } from './replica/import-reading.ts'
export type { WholeImportReport } from './replica/import-whole.ts'
export type { JournalEntry } from './replica/journal.ts'
export type { LinkTools } from './replica/link-tools.ts'
export type { LiveOptions, LiveState } from './replica/live.ts'
export type { NodesOptions } from './replica/nodes.ts'
export type { OpenOptions, ReplicaEvent } from './replica/open.ts'
export type { OpenedConflict } from './replica/opened.ts'
export type { PeerState, PeerStatus } from './replica/peer-status.ts'
export type { FrontierPeers, NewPeer } from './replica/peers.ts'
export type { Publishing, PublishOptions, PublishReport, PublishTo, RecordReport } from './replica/publish.ts'
export type { Progress, SyncOptions, SyncReport } from './replica/session.ts'
export type { AcceptedReport, Choice, ResolveDraft, Settling } from './replica/settle.ts'
export type { FrontierStatus, HeldBy, StatusReport } from './replica/status.ts'
export type { AdoptReport, CloneOptions, CloneReport } from './replica/syncing.ts'
export type { FaultView, VerifyOptions, VerifyReport } from './replica/verify.ts'
export type { EventView, NodeView } from './replica/view.ts'
export type { BaseView, WholeFrontier } from './replica/whole.ts'
export { type Parts, type RepositoryFile, splitFrontier, splitRepository } from './replica/whole-split.ts'
export { Replica } from './replica.ts'
export type { LiveRound } from './transport/exchange.ts'
export { Key } from './trust/key.ts'
export type { LiveMode, LiveSetting } from './trust/peer.ts'
export type { Cut, Peer, PeerChange } from './trust/registry.ts'
export { type Conflict, type ConflictKind, diffFrontiers } from './vela/diff.ts'
export type { DiscoveryResult } from './vela/discover.ts'
export type { EventDraft } from './vela/event.ts'
export {
  recordLocatorFailure,
  recordUnverifiedEntry,
  type SyncReport as ComparisonReport,
  syncWithPeer,
} from './vela/observation.ts'
export type { PeerFetchResult } from './vela/peer-fetch.ts'
export type { PeerHub } from './vela/peer-hub.ts'
export { VERSION } from './version.ts'
