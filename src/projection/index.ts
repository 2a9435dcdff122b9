// Public names of `frontier-replica/vela`: Vela's rules (`src/vela`), and the objects and functions
// that apply them to a replica. Re-exports only.

export * from '../vela/index.ts'
export { type CompareOptions, type CompareWith, type Comparison, comparePeer } from './compare-peer.ts'
export type { ListedConflict } from './conflict-list.ts'
export {
  type CarrierView,
  type ConflictExplained,
  type ConflictSide,
  Conflicts,
  type ConflictView,
  type RecordedConflict,
} from './conflicts-api.ts'
export { discoverPeerFrontier, type FetchOptions, fetchPeerFrontier, type PeerPlace } from './fetch-frontier.ts'
export { type FrontierImportReport, importFrontier } from './files/import-file.ts'
export {
  type AbsentTexts,
  absentTexts,
  type BaseView,
  baseDocuments,
  exportFrontier,
  exportRepository,
  type FrontierSnapshot,
} from './files/snapshot.ts'
export {
  type Document,
  type RepositoryFile,
  type SplitFrontier,
  splitFrontier,
  splitRepository,
} from './files/split.ts'
export { type FrontierState, FrontierView, type ViewedFinding } from './frontier-view.ts'
export type { Resolve } from './http-get.ts'
export {
  Publisher,
  type PublishOptions,
  type PublishReport,
  type PublishTo,
  type RecordReport,
} from './publishing/publisher.ts'
export type { ReplayProgress } from './replayer.ts'
export { type AcceptedReport, type Choice, ConflictResolver, type ResolveDraft } from './resolver.ts'
export { velaMergeObserver } from './vela-merge-observer.ts'
