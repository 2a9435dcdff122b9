// Public names of `frontier-replica`: the replica, its options and its reports. Re-exports only.
// `frontier-replica/vela` has Vela's rules and the objects built on them, `frontier-replica/hub` a
// replica that listens.

export type { LiveMode, LiveSetting } from './admission/peer.ts'
export type { Cut, Peer, PeerChange } from './admission/registry.ts'
export type { Digest } from './base/bytes.ts'
export type { ErrorCode, ErrorFacts, ExitCode } from './base/errors.ts'
export { CODES, hasCode, ReplicaError } from './base/errors.ts'
export type { KeptTexts, TextFilter } from './base/text-filter.ts'
export { PACKAGE_VERSION } from './base/version.ts'
export type { LinkCodec } from './cbor/cid.ts'
export type { CborValue } from './cbor/dag-cbor.ts'
export { Key } from './crypto/key.ts'
export type { EventDraft, LoggedEvent } from './event/event.ts'
export type { EventView } from './event/event-view.ts'
export type { Action, IdPair } from './graph/causal-closure.ts'
export {
  causalClosure,
  classify,
  classify as classifyPeerEventSet,
  isCausallyClosed,
  missingAncestors,
} from './graph/causal-closure.ts'
export type { DocumentLink } from './node/node.ts'
export type { AppendInput, AppendInputs, AppendOptions, AppendReport } from './replica/append.ts'
export type { ChangesOptions } from './replica/changes.ts'
export { type CopyTarget, copyReplica } from './replica/copy/backup.ts'
export type { Documents } from './replica/documents.ts'
export type { EraseOptions, EraseReport, ErasureView } from './replica/erase.ts'
export type { ForkReport } from './replica/fork.ts'
export type {
  ImportFault,
  ImportOptions,
  ImportProgress,
  ImportReport,
  LogReader,
} from './replica/import/import-reader.ts'
export type { JournalEntry } from './replica/journal.ts'
export type { JournalFacts } from './replica/journal-entry.ts'
export type { LiveOptions, LiveState } from './replica/links/follow-peer.ts'
export type { NodesOptions } from './replica/log-reader.ts'
export type { Merge, MergeObserver, MergeReport, OpenedConflict } from './replica/merge-observer.ts'
export type { NodeView } from './replica/node-view.ts'
export type { ContextOptions, ReplicaEvent, StoreOptions } from './replica/open-replica.ts'
export type { FrontierPeers, NewPeer } from './replica/peers.ts'
export { type OpenOptions, Replica } from './replica/replica.ts'
export type { FrontierStatus, HeldBy, PeerState, PeerStatus, StatusReport } from './replica/status.ts'
export type { LinkPhase } from './replica/sync/peer-sync-tracker.ts'
export type {
  AdoptReport,
  CloneOptions,
  CloneReport,
  DirectionReport,
  ExchangeReport,
  Progress,
  SyncOptions,
  SyncReport,
} from './replica/sync/sync-client.ts'
export type { TextStatus } from './replica/sync/text-status.ts'
export type { TextDropOptions, TextFetchOptions, Texts } from './replica/sync/texts.ts'
export type { FaultView, VerifyOptions, VerifyReport } from './replica/verify.ts'
export type { FlowReport, LogState, OpenedItem, OpenedTally } from './sync/flow-report.ts'
export type { Mode } from './sync/message.ts'
export type { LiveRound } from './transport/session.ts'
