// Public names of the package: re-exports only.

// The reference's names: what needs a network or a store is here, what is pure also in `frontier-replica/vela`. Its `SyncReport` is
// ComparisonReport here, where a SyncReport is that of push and pull.

export type { LiveMode, LiveSetting } from './admission/peer.ts'
export type { Cut, Peer, PeerChange } from './admission/registry.ts'
export type { ErrorCode, ErrorFacts, ExitCode } from './base/errors.ts'
export { CODES, hasCode, ReplicaError } from './base/errors.ts'
export { PACKAGE_VERSION } from './base/version.ts'
export type { LinkCodec } from './cbor/cid.ts'
export { Key } from './crypto/key.ts'
export type { EventDraft } from './event/event.ts'
export type { Action, IdPair } from './graph/causal-closure.ts'
export {
  causalClosure,
  classify,
  classify as classifyPeerEventSet,
  isCausallyClosed,
  missingAncestors,
} from './graph/causal-closure.ts'
export { compareByTime, topologicalOrder } from './graph/topological-sort.ts'
export type { DocumentLink } from './node/node.ts'
export type { CompareOptions, CompareWith, Comparison } from './projection/compare-peer.ts'
export type {
  CarrierView,
  ComputedConflict,
  ConflictExplained,
  ConflictSide,
  ConflictView,
  FrontierConflicts,
  ListedConflict,
  RecordedConflict,
} from './projection/conflicts-api.ts'
export {
  discoverPeerFrontier,
  type FetchOptions,
  fetchPeerFrontier,
  type PeerPlace,
} from './projection/fetch-frontier.ts'
export type { WholeImportReport } from './projection/files/import-file.ts'
export type { BaseView, FrontierSnapshot } from './projection/files/snapshot.ts'
export { type RepositoryFile, type SplitFrontier, splitFrontier, splitRepository } from './projection/files/split.ts'
export type { OpenedConflict } from './projection/opened-conflicts.ts'
export type { Publisher, PublishOptions, PublishReport, PublishTo, RecordReport } from './projection/publisher.ts'
export type { AcceptedReport, Choice, ConflictResolver, ResolveDraft } from './projection/resolver.ts'
export type { AppendInput, AppendOptions, AppendReport } from './replica/append.ts'
export type { ChangesOptions } from './replica/changes.ts'
export type { Documents } from './replica/documents.ts'
export type { ForkReport } from './replica/fork.ts'
export type {
  ImportFault,
  ImportOptions,
  ImportProgress,
  ImportReport,
  LogReader,
} from './replica/import/import-reader.ts'
export type { JournalEntry } from './replica/journal.ts'
export type { NetworkHooks } from './replica/links/backoff.ts'
export type { LiveOptions, LiveState } from './replica/links/follow-peer.ts'
export type { FrontierStatus, HeldBy, StatusReport } from './replica/merge-status.ts'
export type { EventView, NodeView } from './replica/node-view.ts'
export type { NodesOptions } from './replica/nodes.ts'
export type { OpenOptions, ReplicaEvent } from './replica/open-replica.ts'
export type { FrontierPeers, NewPeer } from './replica/peers.ts'
export { Replica } from './replica/replica.ts'
export type { PeerState, PeerStatus } from './replica/status.ts'
export type { DirectionReport, ExchangeReport } from './replica/sync/exchanging.ts'
export type { Progress, SyncOptions, SyncReport } from './replica/sync/sync-client.ts'
export type { AdoptReport, CloneOptions, CloneReport } from './replica/sync/syncing.ts'
export type { FaultView, VerifyOptions, VerifyReport } from './replica/verify.ts'
export type { LiveRound } from './transport/session.ts'
export {
  type ComparisonReport,
  recordLocatorFailure,
  recordUnverifiedEntry,
  syncWithPeer,
} from './vela/federation/comparison.ts'
export { type Conflict, type ConflictKind, diffFrontiers } from './vela/federation/diff.ts'
export type { DiscoveryResult } from './vela/federation/discovery.ts'
export type { PeerFetchResult } from './vela/federation/peer-fetch.ts'
export type { PeerHub } from './vela/federation/peer-hub.ts'
