// Public names of `frontier-replica/vela`: lossless JSON, events, causal closure, replay, frontier
// files and their hashes, comparison, registry, proposals and resolutions. All functions are pure:
// no store, no network, no clock. Spec: protocol/event.md, admission.md (order), replay.md,
// frontier.md, federation.md, registry-entry.md, resolution.md.

export { readDraft } from '../event/draft.ts'
export {
  actorType,
  type CheckedEvent,
  checkEvent,
  type EventDraft,
  type EventHead,
  type EventReading,
  eventHash,
  eventSignature,
  eventSigningBytes,
  type ImportedEvent,
  importEvent,
  type LoggedEvent,
  makeEvent,
  readEvent,
  type SignatureForm,
} from '../event/event.ts'
export { frontierNameOf, type Genesis, genesisName, makeGenesis } from '../event/genesis.ts'
export type { Signer, Verify } from '../event/signing.ts'
export { Ancestry } from '../graph/ancestry.ts'
export {
  type Action,
  type Closure,
  causalClosure,
  classify,
  classify as classifyPeerEventSet,
  type IdPair,
  isCausallyClosed,
  missingAncestors,
} from '../graph/causal-closure.ts'
export { compareByTime, topologicalOrder } from '../graph/topological-sort.ts'
export { type EventLog, type RawEvent, readLog } from '../json/event-array-reader.ts'
export { compareInstants, type Instant, parseInstant, readInstant } from '../json/instant.ts'
export { canonicalize, fromJson, isCanonical, type ParseOptions, parseJson, printJson, toJson } from '../json/json.ts'
export { type NumberReading, printFixed } from '../json/number.ts'
export { type Json, JsonNumber } from '../json/value.ts'
export {
  type Agreement,
  agreement,
  type Checkpoint,
  checkCheckpoint,
  checkpointId,
  checkpointPreimage,
  readCheckpoint,
  registryRoot,
} from './federation/checkpoint.ts'
export {
  type ComparisonEvents,
  type ComparisonReport,
  type ComparisonRun,
  type LocatorFailure,
  type OurState,
  recordDiscovery,
  recordLocatorFailure,
  recordSync,
  recordUnverifiedEntry,
  syncWithPeer,
} from './federation/comparison.ts'
export { CONFLICT_KINDS, type Conflict, type ConflictKind, diffFrontiers } from './federation/diff.ts'
export {
  continueDiscovery,
  type Discovery,
  type DiscoveryResult,
  type DiscoveryState,
  type DiscoveryStep,
  startDiscovery,
} from './federation/discovery.ts'
export {
  checkFetchUrl,
  type FetchPolicy,
  isPrivateAddress,
} from './federation/fetch-policy.ts'
export type { FetchOutcome, FetchRequest } from './federation/http-exchange.ts'
export {
  checkManifest,
  type HubManifest,
  manifestPreimage,
  readManifest,
  signManifest,
} from './federation/hub-manifest.ts'
export {
  type Deprecation,
  judgePublication,
  type MaintainerAction,
  type OwnerRotation,
  type Ownership,
  type OwnershipDraft,
  type OwnershipRecord,
  ownershipPreimage,
  type Publication,
  printOwnershipRecord,
  readOwnershipRecord,
  replayOwnership,
  signOwnershipRecord,
} from './federation/ownership.ts'
export {
  continuePeerFetch,
  type PeerFetch,
  type PeerFetchResult,
  type PeerFetchState,
  type PeerFetchStep,
  signManifestFile,
  startPeerFetch,
} from './federation/peer-fetch.ts'
export { type PeerHub, printPeerHub, readPeerHubs } from './federation/peer-hub.ts'
export {
  type EntryContent,
  type EntryDraft,
  entryPreimage,
  latestEntry,
  printEntry,
  publisherOf,
  type RegistryEntry,
  readEntry,
  signEntry,
  verifyEntry,
} from './federation/registry-entry.ts'
export { printRegistry, type RegistryFile, readRegistry, registryUrl, withEntry } from './federation/registry-file.ts'
export {
  type Finding,
  type FrontierFile,
  type FrontierReading,
  printFrontier,
  REVIEW_STATES,
  type ReviewState,
  readFinding,
  readFrontier,
  type Unread,
} from './files/frontier-file.ts'
export { type ContentHashes, type ContentVerdict, judgeContent } from './files/received-file.ts'
export { eventLogHash, eventManifest, type LogHashForm, logRoot, replayTrace } from './hashes/event-log-hash.ts'
export {
  contentHashes,
  findingHash,
  findingId,
  proposalStateHash,
  type SnapshotReader,
  snapshotHash,
} from './hashes/snapshot-hash.ts'
export { byTimestamp, type ChainBreak, type ChainReport, checkChains } from './hashes/target-hash-chain.ts'
export {
  type AnnotationPayload,
  type ConfidenceRevisedPayload,
  type ConflictDetectedPayload,
  type ConflictResolvedPayload,
  type CreatedPayload,
  checkFrontierPayload,
  type DependencyInvalidatedPayload,
  type EntityAddedPayload,
  type EntityResolvedPayload,
  type EventKind,
  type FindingAssertedPayload,
  type FindingContent,
  type FindingSupersededPayload,
  type ForkedFromPayload,
  type MergedPayload,
  type PayloadByKind,
  type ReinterpretedCausalPayload,
  type ResolutionChoice,
  type ReviewedPayload,
  type SpanRepairedPayload,
  type StepAppendedPayload,
  type StoredObject,
  type SyncedWithPeerPayload,
  type TierSetPayload,
  type UninterpretedPayload,
} from './payloads.ts'
export {
  type ActorRecord,
  checkReviewer,
  checkReviewerKey,
  isRevokedAt,
  judgeEventSignature,
  NO_AUTHORITIES,
  printActor,
  type ResolutionAuthorities,
  readActors,
  type SignatureVerdict,
} from './resolution/authority.ts'
export {
  makeProposal,
  type Proposal,
  type ProposalContent,
  type ProposalDraft,
  printProposal,
  proposalId,
  proposalPreimage,
  readProposal,
  verifyProposal,
} from './resolution/proposal.ts'
export { type ConflictSubject, type RecordedSubject, readRecorded } from './resolution/recorded-conflict.ts'
export {
  type Acceptance,
  type Accepted,
  acceptResolution,
  type KnownConflict,
  proposeResolution,
  type ResolutionContext,
  type ResolutionDraft,
} from './resolution/resolution.ts'
export {
  type ConflictResolutions,
  type Resolution,
  type ResolutionView,
  readResolutions,
} from './resolution/resolution-events.ts'
export { genesisOf } from './state/base-findings.ts'
export { FIELD_KINDS, FIELDS, type Field } from './state/contestable-fields.ts'
export {
  type ComputedConflict,
  type ContestedField,
  conflictId,
  viewConflicts,
  viewContested,
} from './state/field-conflicts.ts'
export type { Body } from './state/json-path.ts'
export {
  type ArtifactRow,
  type FindingRow,
  type JudgedRow,
  type TrajectoryRow,
  type ViewRows,
  viewObject,
  viewObjects,
  viewRows,
} from './state/read-out.ts'
export {
  type Applied,
  addProposals,
  applyEvent,
  emptyView,
  rewindView,
  type ViewOptions,
  viewLength,
  viewProblems,
} from './state/reducer.ts'
export {
  OBJECT_TABLES,
  type ObjectTable,
  type Precedes,
  type Problem,
  type ReplayEvent,
  type View,
} from './state/state.ts'
