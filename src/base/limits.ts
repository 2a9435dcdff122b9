// Every bound of the format, the store and the wire, with its unit and the rule it enforces. No other file holds
// such a number; the specification repeats each by name and a test holds the two equal. The members of
// `WIRE_LIMITS` are advertised in hello.

const KIB = 1024
const MIB = 1024 * 1024

/** Bounds of nodes and events (protocol/node.md). Sizes in bytes. */
export const NODE_LIMITS = {
  eventBytesMax: MIB,
  jsonDepthMax: 127,
  parentsMax: 64,
  linksMax: 1024,
  frontierNameBytesMax: 64,
  cborDepthMax: 32,
  cborItemsMax: 128 * KIB,
} as const

/** A node is its event plus an envelope: parents and links at 43 bytes each, key, signature and names. Bytes. */
export const nodeBytesMax = NODE_LIMITS.eventBytesMax + (NODE_LIMITS.parentsMax + NODE_LIMITS.linksMax) * 43 + 512

/** Bounds of the wire (protocol/sync.md). Sizes in bytes, times in milliseconds. */
export const WIRE_LIMITS = {
  frameBytesMax: 2 * MIB,
  headsPerFrameMax: 1024,
  headsSentMax: 16 * 1024,
  idsPerWantMax: 256,
  idsPerOfferMax: 1024,
  wantsOutstandingMax: 1024,
  wantsPerChannelMax: 65_536,
  sinkIdsMax: 262_144,
  echoIdsMax: 65_536,
  creditBytes: 2 * MIB,
  creditNodes: 1024,
  channelsMax: 64,
  reportItemsMax: 256,
} as const

export const HEADS_ALARM = 10_000

export const SOCKET_LIMITS = {
  outboundBytesMax: 4 * MIB,
  outboundShareBytes: 64 * MIB,
  outboundBytesMin: 128 * KIB,
  handshakeMsMax: 5_000,
  pingMs: 20_000,
  pingMissesMax: 2,
  idleMsMax: 60_000,
  readsAtOnceMax: 2,
  turnMsMax: 10,
  inputsPerTurn: 4,
  closeMsMax: 5_000,
  connectionsMax: 1_200,
  unprovenMax: 64,
  unprovenPerAddressMax: 4,
  headerBytesMax: 8 * KIB,
  headerMsMax: 10_000,
  bodyBytesMax: 64 * KIB,
  bodyMsMax: 15_000,
} as const

/** Links that are kept to peers (protocol/live.md). Milliseconds; keys listed in a record. */
export const LINK_LIMITS = {
  retryMsMin: 500,
  retryMsMax: 60_000,
  refusedMsMax: 15_000,
  settledMsMin: 60_000,
  reopenMsMin: 20_000,
  reopenMsMax: 40_000,
  recordMsMin: 1_000,
  drainMsMax: 8_000,
  heldKeysMax: 16,
} as const

/** Documents that nodes link (protocol/document.md). Bytes; digests that are known to be waited for, and named at once. */
export const DOCUMENT_LIMITS = {
  blockBytesMax: 256 * KIB,
  documentBytesMax: 128 * MIB,
  awaitedMax: 65_536,
  awaitedListedMax: 4096,
} as const

/** Live channels (protocol/sync.md). Milliseconds; `paceMicrosPerChannel` (µs) for each live channel lies between two rounds of one. */
export const LIVE_LIMITS = {
  cursorMs: 1_000,
  paceMicrosPerChannel: 200,
  paceMsMin: 4,
  startsPerTurnMax: 16,
  tailBytesMax: MIB,
  tailNodesMax: 2048,
} as const

/** Held nodes: valid, but without a parent or a registered key. Bytes. */
export const HELD_LIMITS = {
  bytesPerPeerMax: 64 * MIB,
  bytesMax: 512 * MIB,
} as const

/** One commit is at most this many nodes and bytes; a larger merge is several commits, each down-closed. */
export const COMMIT_LIMITS = {
  nodesMax: 1024,
  bytesMax: 8 * MIB,
} as const

/** The store (protocol/store.md). Bytes and counts; ordinals and sequence numbers are 32-bit. */
export const STORE_LIMITS = {
  seqMax: 0xffff_ffff,
  recordKeyBytesMax: 512,
  recordValueBytesMax: MIB,
  recordChangesBytesMax: 8 * MIB,
  scanBatchBytes: MIB,
  placesCachedMax: 100_000,
} as const

export const REGISTRY_LIMITS = {
  peersMax: 4096,
  cutHeadsMax: 16 * KIB,
  idBytesMax: 128,
  urlBytesMax: 2048,
  noteBytesMax: 1024,
  offerBytesMax: 2 * MIB - 64 * KIB,
} as const

/** Fetching by HTTP on a registry's word (protocol/registry-entry.md). Bytes; redirects of one fetch; milliseconds of one answer. */
export const FETCH_LIMITS = {
  entryBytesMax: 64 * KIB,
  frontierBytesMax: 128 * MIB,
  redirectsMax: 3,
  answerHeaderBytesMax: 16 * KIB,
  answerIdleMsMax: 15_000,
  answerMsMax: 300_000,
} as const

/** What a hub answers by HTTP (protocol/http.md). Bytes, milliseconds, counts. */
export const HTTP_LIMITS = {
  parametersMax: 16,
  publishBytesMax: 16 * MIB,
  publishAheadMsMax: 600_000,
  publishingMax: 8,
  publishingPerAddressMax: 2,
  ownershipRecordsMax: 1024,
  entriesPageMax: 1000,
  eventsPageMax: 500,
  eventsPageDefault: 100,
  eventsPageBytes: MIB,
  eventsScannedMax: 10_000,
  conflictsPageMax: 1000,
  streamsMax: 256,
  streamsPerAddressMax: 32,
  streamHeartbeatMs: 15_000,
  answersMax: 64,
  answersPerAddressMax: 16,
  stallMsMax: 30_000,
  snapshotNodesMax: 50_000,
  capturesBytesMax: 64 * MIB,
  capturesKeptMax: 4,
  captureMsMax: 60_000,
  captureBurstMs: 2_000,
  capturePart: 10,
  metricsFrontiersMax: 100,
} as const

/** Comparing and settling (protocol/federation.md, protocol/resolution.md). Counts; bytes of text. */
export const SETTLE_LIMITS = {
  conflictsRecordedMax: 16 * KIB,
  sideTextMax: 64 * KIB,
  recordBatchBytes: 2 * MIB,
  proposalBytesMax: 512 * KIB,
  proposalsMax: 1024,
} as const

/** Replaying a log (protocol/replay.md). Counts: of items in a list of an object, of standing setters, of events. */
export const REPLAY_LIMITS = {
  listItemsMax: 16 * KIB,
  settersMax: 256,
  checkpointEvents: 64,
} as const

/** The view that a replica keeps of a log, and its conflicts. Milliseconds; counts: of nodes, of conflicts. */
export const VIEW_LIMITS = {
  noteQuietMs: 1_000,
  noteMsMax: 30_000,
  unaskedNodesMax: 20_000,
  behindWaistMin: 2_000,
  behindWaistTimes: 4,
  comparedPerFindingMax: 1024,
  openedKeptMax: 4096,
  openedListedMax: 256,
  listedMax: 10_000,
} as const

/** The journal (protocol/journal.md). Bytes, count. */
export const JOURNAL_LIMITS = {
  entryBytesMax: MIB,
  faultsMax: 100,
} as const

/** Checking signatures (protocol/signature.md). Bytes; a job is one signature. */
export const VERIFY_LIMITS = {
  workersMax: 4,
  inlineJobsMax: 3,
  helpFromJobs: 256,
  helpJobsMax: 8,
  inlineBytesMax: 64 * KIB,
  jobsPerBatchMax: 64,
  batchBytes: 128 * KIB,
  batchesPerWorkerMax: 2,
  keysCachedMax: 1024,
  keyFileBytesMax: 4 * KIB,
} as const

/** The command line and the control socket of a served store (protocol/cli.md). Bytes, milliseconds, counts. */
export const CLI_LIMITS = {
  controlFrameBytesMax: 4 * MIB,
  controlChunkBytes: 64 * KIB,
  controlSessionsMax: 32,
  controlConnectMsMax: 2_000,
  controlRequestMsMax: 5_000,
  controlLastWordMsMax: 2_000,
  socketPathBytesMax: 100,
  lockWaitMsMax: 2_000,
  lockRetryMs: 40,
  watchLookMs: 500,
  watchBytesMax: 4 * MIB,
  progressAfterMs: 1_000,
  progressEveryMs: 100,
  jsonItemsMax: 10_000,
  graphColumnsMax: 12,
  wholeFileBytesMax: 1024 * MIB,
  eventFileBytesMax: 8 * MIB,
  folderFilesMax: 262_144,
  folderBytesMax: 256 * MIB,
  folderDepthMax: 16,
} as const
