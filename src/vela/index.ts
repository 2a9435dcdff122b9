// The event contract, as `frontier-replica/vela`: lossless JSON, canonical form, events, logs in files, frontier names.
// Pure: no store, no network, no clock. Specification: protocol/event.md.

// Registry entries, discovery, proposals and resolutions: protocol/registry-entry.md, protocol/resolution.md.
export {
  type ActorRecord,
  isRevokedAt,
  judgeEventSignature,
  printActor,
  readActors,
  type SignatureVerdict,
} from './actor.ts'
export { isAddress, isPrivateAddress } from './address.ts'
export { canonicalize, isCanonical } from './canonical.ts'
export {
  type Agreement,
  agreement,
  type Checkpoint,
  type CheckpointDraft,
  checkCheckpoint,
  checkpointId,
  checkpointPreimage,
  makeCheckpoint,
  printCheckpoint,
  readCheckpoint,
  registryRoot,
} from './checkpoint.ts'
// Causal closure over (id, parents) pairs: protocol/admission.md.
export {
  type Action,
  type Closure,
  causalClosure,
  classify,
  classify as classifyPeerEventSet,
  type IdPair,
  isCausallyClosed,
  missingAncestors,
} from './closure.ts'
export { type Deciders, NO_DECIDERS } from './decider.ts'
// Whole frontiers, their hashes, comparing and recording: protocol/frontier.md, protocol/federation.md.
export { CONFLICT_KINDS, type Conflict, type ConflictKind, diffFrontiers } from './diff.ts'
export {
  continueDiscovery,
  type Discovery,
  type DiscoveryResult,
  type DiscoveryState,
  type DiscoveryStep,
  startDiscovery,
} from './discover.ts'
export { readDraft } from './draft.ts'
export {
  actorType,
  type CheckedEvent,
  checkEvent,
  type EventDraft,
  type EventHead,
  type EventReading,
  eventHash,
  eventLabel,
  eventSignature,
  eventSigningBytes,
  type ImportedEvent,
  importEvent,
  labelId,
  makeEvent,
  readEvent,
  type SignatureForm,
} from './event.ts'
export { byTimestamp, type ChainBreak, type ChainReport, checkChains } from './event-chain.ts'
export { eventLogHash, eventManifest, type LogHashForm, logRoot, replayTrace } from './event-log-hash.ts'
export { checkFetchUrl, type FetchPolicy, isPrivateHost, mayFollow, redirectTarget } from './fetch-url.ts'
export type { FetchOutcome, FetchRequest } from './fetching.ts'
export { printFixed } from './fixed.ts'
export { FRONTIER_SCHEMA_VERSION, frontierNameOf, type Genesis, genesisName, makeGenesis } from './frontier.ts'
export { type ContentHashes, type ContentVerdict, judgeContent } from './frontier-content.ts'
export {
  type Finding,
  type Frontier,
  type FrontierReading,
  printFrontier,
  REVIEW_STATES,
  type ReviewState,
  readFinding,
  readFrontier,
  type Unread,
} from './frontier-file.ts'
export {
  contentHashes,
  findingHash,
  findingId,
  proposalStateHash,
  type SnapshotReader,
  snapshotHash,
} from './frontier-hash.ts'
export { checkFrontierPayload } from './frontier-payload.ts'
export {
  checkManifest,
  type HubManifest,
  manifestPreimage,
  readManifest,
  signManifest,
} from './hub-manifest.ts'
export { compareInstants, type Instant, parseInstant, readInstant } from './instant.ts'
export { fromJson, type ParseOptions, parseJson, printJson, toJson } from './json.ts'
export { type EventLog, type RawEvent, readLog } from './log.ts'
export type { NumberReading } from './number.ts'
export {
  type LocatorFailure,
  type Observed,
  type OurState,
  type Pass,
  recordDiscovery,
  recordLocatorFailure,
  recordSync,
  recordUnverifiedEntry,
  type SyncReport,
  syncWithPeer,
  unrecorded,
} from './observation.ts'
// Both orders of events: protocol/admission.md, D7 and D10.
export { compareByTime, topologicalOrder } from './order.ts'
export {
  type Deprecation,
  type MaintainerAction,
  type OwnerRotation,
  type Ownership,
  type OwnershipDraft,
  type OwnershipRecord,
  ownershipPreimage,
  printOwnershipRecord,
  readOwnershipRecord,
  replayOwnership,
  signOwnershipRecord,
} from './ownership.ts'
export {
  continuePeerFetch,
  manifestSigningBytes,
  type PeerFetch,
  type PeerFetchResult,
  type PeerFetchState,
  type PeerFetchStep,
  signManifestFile,
  startPeerFetch,
} from './peer-fetch.ts'
export { type PeerHub, printPeerHub, readPeerHub, readPeerHubs } from './peer-hub.ts'
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
} from './proposal.ts'
export { judgePublication, type Publication } from './publish.ts'
export { type ConflictSubject, type RecordedSubject, readRecorded } from './recorded.ts'
export {
  compareEntries,
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
} from './registry-entry.ts'
export { printRegistry, type RegistryFile, readRegistry, registryUrl, withEntry } from './registry-file.ts'
// Replay: protocol/replay.md.
export { Ancestry } from './replay/ancestry.ts'
export {
  type ComputedConflict,
  type ContestedField,
  conflictId,
  shownValue,
  standingSetters,
  viewConflicts,
  viewContested,
} from './replay/conflicts.ts'
export { FIELD_KINDS, FIELDS, type Field } from './replay/fields.ts'
export { genesisOf } from './replay/genesis.ts'
export {
  type ArtifactRow,
  type FindingRow,
  type JudgedRow,
  type TrajectoryRow,
  type ViewRows,
  viewObject,
  viewObjects,
  viewRows,
} from './replay/rows.ts'
export { OBJECT_TABLES, type ObjectTable, type Precedes, type Problem, type View } from './replay/state.ts'
export {
  type Applied,
  addProposals,
  applyEvent,
  emptyView,
  type ReplayEvent,
  rewindView,
  type ViewOptions,
  viewLength,
  viewProblems,
} from './replay/view.ts'
export {
  type Acceptance,
  type Accepted,
  acceptResolution,
  type Docket,
  type KnownConflict,
  proposeResolution,
  type ResolutionDraft,
} from './resolution.ts'
export {
  type ConflictResolutions,
  type LoggedEvent,
  type Resolution,
  type ResolutionView,
  readResolutions,
} from './resolution-view.ts'
export { checkReviewer, checkReviewerKey } from './reviewer.ts'
export type { Signer, Verify } from './signing.ts'
export { type Json, JsonNumber } from './value.ts'
