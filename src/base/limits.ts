// Every limit of the format, the store and the wire. Each entry reads "unit: what it limits → what
// happens beyond it". No other file holds such a number. A test compares names and values with
// protocol/limits.md.

const KIB = 1024
const MIB = 1024 * 1024

/**
 * Nodes and events; equal in every implementation. Spec: protocol/node.md and protocol/event.md.
 */
export const NODE_LIMITS = {
  /** Bytes: canonical text of one event → ERR_EVENT_SIZE; in a node ERR_NODE_SIZE. */
  eventBytesMax: MIB,
  /** Levels: nested arrays and objects in an event → ERR_JSON. */
  jsonDepthMax: 127,
  /** Count: parents of one node → ERR_NODE_SHAPE; a named parent too many: ERR_EVENT_PARENT. */
  parentsMax: 64,
  /** Count: documents that one node links → ERR_NODE_SHAPE; when made here: ERR_DOCUMENT. */
  linksMax: 1024,
  /** Bytes: frontier name given to a store engine → TypeError. */
  frontierNameBytesMax: 64,
  /** Levels: nested arrays and maps in any DAG-CBOR → ERR_CBOR; in a frame ERR_SYNC_FRAME. */
  cborDepthMax: 32,
  /**
   * Count: values in one DAG-CBOR item, all levels together → ERR_CBOR; in a frame ERR_SYNC_FRAME.
   */
  cborItemsMax: 128 * KIB,
} as const

/**
 * Bytes: one header, with parents and links at 43 bytes each, key, signature, digest and names →
 * ERR_NODE_SIZE.
 */
export const nodeHeaderBytesMax = (NODE_LIMITS.parentsMax + NODE_LIMITS.linksMax) * 43 + 512

/** Bytes: one item, a header and the text after it → ERR_NODE_SIZE. */
export const nodeBytesMax = NODE_LIMITS.eventBytesMax + nodeHeaderBytesMax

/**
 * The wire. The members are advertised in hello; the value in a hello holds for its side. Spec:
 * protocol/sync.md.
 */
export const WIRE_LIMITS = {
  /** Bytes: one WebSocket message → ERR_SYNC_LIMIT, or close code 1009. */
  frameBytesMax: 2 * MIB,
  /** Count: heads in one message → more heads follow in further messages; else ERR_SYNC_FRAME. */
  headsPerFrameMax: 1024,
  /**
   * Count: heads that a side sends on one channel → the sender omits the rest; else ERR_SYNC_LIMIT.
   */
  headsSentMax: 16 * 1024,
  /** Count: ids in one `want` or `lack` → ERR_SYNC_FRAME. */
  idsPerWantMax: 256,
  /** Count: ids in one `offer` → ERR_SYNC_FRAME. */
  idsPerOfferMax: 1024,
  /** Count: wanted ids not yet answered, per channel → the sink waits; else ERR_SYNC_LIMIT. */
  wantsOutstandingMax: 1024,
  /** Count: wanted ids per channel, in total → ERR_SYNC_LIMIT. */
  wantsPerChannelMax: 65_536,
  /** Count: texts requested per round of a channel → ERR_SYNC_LIMIT. */
  textsPerRoundMax: 1024,
  /**
   * Count: ids per kind remembered for one channel → no error: ids beyond are not remembered (S28).
   */
  sinkIdsMax: 262_144,
  /** Count: received ids remembered per channel → the oldest are forgotten and may be sent back. */
  echoIdsMax: 65_536,
  /** Bytes: nodes sent and not yet acked → the source waits for an `ack`; else ERR_SYNC_CREDIT. */
  creditBytes: 2 * MIB,
  /** Count: nodes sent and not yet acked → the source waits for an `ack`; else ERR_SYNC_CREDIT. */
  creditNodes: 4096,
  /**
   * Count: open channels of one connection → the client opens another connection; else
   * ERR_SYNC_LIMIT.
   */
  channelsMax: 64,
  /** Count: items under each heading of a report → the list is cut; the counts stay exact. */
  reportItemsMax: 256,
  /** Count: events of one opened conflict in a report or journal entry → the list is cut. */
  openedEventsMax: 64,
  /** Bytes: id and kind of one opened conflict in a report → the text is cut. */
  openedNameBytesMax: 64,
} as const

/**
 * Count: heads of one frontier before an alert → from this count on the event `alarm` is emitted.
 */
export const HEADS_ALARM = 10_000

/** Connections to a hub and their buffers. Spec: protocol/sync.md, S6 and S7. */
export const SOCKET_LIMITS = {
  /** Bytes: send buffer of a connection; half is the threshold → nothing new until it drains. */
  outboundBytesMax: 4 * MIB,
  /** Bytes: send buffers of all connections, shared evenly → nothing new above the share. */
  outboundShareBytes: 64 * MIB,
  /** Bytes: least share of one connection → no error: a smaller share is raised to this value. */
  outboundBytesMin: 128 * KIB,
  /** ms: from the connection to both proofs → ERR_SYNC_TIMEOUT. */
  handshakeMsMax: 5_000,
  /** ms: interval between pings → no error: fixed interval. */
  pingMs: 20_000,
  /** Count: consecutive pings without any received byte → ERR_SYNC_TIMEOUT. */
  pingMissesMax: 2,
  /** ms: without a message while the peer owes one → ERR_SYNC_TIMEOUT. */
  idleMsMax: 60_000,
  /**
   * Count: concurrent node reads from the store, all sessions → further reads wait in a queue
   * (FIFO).
   */
  readsAtOnceMax: 2,
  /**
   * ms: work of all sessions in one event-loop iteration → further inputs wait in a queue (FIFO).
   */
  turnMsMax: 10,
  /** Count: queued inputs taken per event-loop iteration → the rest wait for the next iteration. */
  inputsPerTurn: 4,
  /** ms: for the peer to answer a WebSocket close → the socket is destroyed. */
  closeMsMax: 5_000,
  /** Count: connections to a hub → the oldest one of a stranger is closed (protocol/clients.md). */
  connectionsMax: 1_200,
  /** Count: the same where the process may open few files → as above. */
  connectionsMin: 8,
  /** Count: open files that a hub leaves to its store and itself → connectionsMax is reduced. */
  reservedFiles: 64,
  /** Bytes: header of an HTTP request → HTTP status 431. */
  headerBytesMax: 8 * KIB,
  /** ms: until the header of a request is complete → HTTP status 408. */
  headerMsMax: 10_000,
  /**
   * Bytes: body of a request, publications excepted → ERR_HTTP_LIMIT, or the connection is closed.
   */
  bodyBytesMax: 64 * KIB,
  /** ms: until a request is complete → HTTP status 408. */
  bodyMsMax: 15_000,
} as const

/** Links that a replica keeps to its peers. Spec: protocol/live.md. */
export const LINK_LIMITS = {
  /** ms: shortest reconnect delay (exponential backoff) → no error: lower bound. */
  retryMsMin: 500,
  /**
   * ms: longest reconnect delay to a peer that can't be reached → no error: the backoff stops
   * growing.
   */
  retryMsMax: 4_000,
  /**
   * ms: the same where a person must act first, and to a peer without a free place → no error: the
   * backoff stops growing.
   */
  patientMsMax: 60_000,
  /**
   * ms: longest delay while the peer has not registered this side → no error: the backoff stops
   * growing.
   */
  refusedMsMax: 15_000,
  /**
   * ms: lifetime after which a link counts as stable → no error: the backoff restarts at
   * `retryMsMin`.
   */
  settledMsMin: 60_000,
  /** ms: shortest lifetime of a live channel → no error: lower bound. */
  reopenMsMin: 20_000,
  /** ms: longest lifetime of a live channel → the channel is closed and opened again. */
  reopenMsMax: 40_000,
  /**
   * ms: between two writes of the record of a peer → no error: changes in between are written
   * together.
   */
  recordMsMin: 1_000,
  /** ms: graceful shutdown of the channels of a link → the connection is cut. */
  drainMsMax: 8_000,
  /** ms: interval at which the links look at the clock → no error: fixed interval. */
  clockMs: 1_000,
  /** ms: by which that look is late → the process was suspended: every link is dialed again. */
  suspendedMsMin: 5_000,
  /** Count: keys in the record of a peer whose nodes it holds → further keys are left out. */
  heldKeysMax: 16,
} as const

/** Documents that nodes link. Spec: protocol/document.md. */
export const DOCUMENT_LIMITS = {
  /** Bytes: one block: a small document, a chunk or a list of chunks → ERR_DOCUMENT. */
  blockBytesMax: 256 * KIB,
  /** Bytes: one document → ERR_DOCUMENT. */
  documentBytesMax: 128 * MIB,
  /**
   * Count: awaited digests of one frontier kept in memory → no error: the store is searched for the
   * rest.
   */
  awaitedMax: 65_536,
  /** Count: awaited digests in one admission report → the list is cut. */
  awaitedListedMax: 4096,
} as const

/** Live channels. Spec: protocol/sync.md, S44 to S50. */
export const LIVE_LIMITS = {
  /**
   * ms: delay before the cursor of a live channel is stored → no error: rounds in between share one
   * write.
   */
  cursorMs: 1_000,
  /**
   * µs: gap between rounds, times the live channels → no error: a round waits, and carries more.
   */
  paceMicrosPerChannel: 200,
  /** ms: smallest gap that is applied → no error: a smaller gap counts as 0. */
  paceMsMin: 4,
  /** Count: rounds started per event-loop iteration → the rest start in the next iteration. */
  startsPerTurnMax: 16,
  /** Bytes: recent nodes cached per frontier → the oldest leave the cache; the store is read. */
  tailBytesMax: MIB,
  /** Count: the same, in nodes → the oldest leave the cache; the store is read. */
  tailNodesMax: 2048,
} as const

/**
 * Held nodes: valid, but without a parent, a document or a registered key. Spec:
 * protocol/admission.md.
 */
export const HELD_LIMITS = {
  /** Bytes: held nodes received from one peer → ERR_HELD_FULL. */
  bytesPerPeerMax: 64 * MIB,
  /** Bytes: held nodes of one store → ERR_HELD_FULL. */
  bytesMax: 512 * MIB,
} as const

/** Erasures of texts. Spec: protocol/text.md. */
export const ERASURE_LIMITS = {
  /** Bytes: the payload of an erasure → the event erases nothing. */
  payloadBytesMax: 8 * KIB,
} as const

/**
 * One commit. The gate splits a larger merge into several commits, each down-closed. Spec:
 * protocol/store.md.
 */
export const COMMIT_LIMITS = {
  /** Count: nodes in one commit → TypeError. */
  nodesMax: 1024,
  /** Bytes: nodes of one commit; blocks of one document put → TypeError. */
  bytesMax: 8 * MIB,
} as const

/** Appends that share one commit. */
export const APPEND_LIMITS = {
  /** Count: events of one group → further events are the next group. */
  groupEventsMax: 512,
  /** Bytes: texts at which a group is full → further events are the next group. */
  groupBytes: 4 * MIB,
  /** Count: events built in one event-loop iteration → the rest wait for the next iteration. */
  eventsPerTurn: 128,
} as const

/** The store. Sequence numbers have 32 bits. Spec: protocol/store.md. */
export const STORE_LIMITS = {
  /** Count: sequence numbers of one frontier; greatest height → TypeError. */
  seqMax: 0xffff_ffff,
  /** Bytes: key of one record → TypeError. */
  recordKeyBytesMax: 512,
  /** Bytes: value of one record → TypeError. */
  recordValueBytesMax: MIB,
  /** Bytes: records in one write → TypeError. */
  recordChangesBytesMax: 8 * MIB,
  /** Bytes: nodes in one batch of a scan → the batch ends and the next one begins. */
  scanBatchBytes: MIB,
  /** Count: cached locations of nodes → the older half leaves the cache. */
  placesCachedMax: 100_000,
  /**
   * ms: interval at which an open store looks at its folder and the disk → no error: fixed
   * interval.
   */
  watchMs: 500,
  /** Bytes: free on the disk → ERR_STORE_IO for every write, until there is more. */
  roomBytesMin: 4 * MIB,
  /** Bytes: free on the disk after such a refusal → writes stay refused. */
  roomAgainBytesMin: 8 * MIB,
  /** Bytes: file that a hub keeps to have room for a close and an open → no error: fixed size. */
  reserveBytes: MIB,
  /** ms: between two attempts of a hub to open its store again → no error: fixed interval. */
  reopenMsMin: 1_000,
  /** ms: the same after repeated failures, exponential → no error: it does not grow further. */
  reopenMsMax: 60_000,
} as const

/** Registries of peers. Spec: protocol/admission.md. */
export const REGISTRY_LIMITS = {
  /** Count: peers of one frontier → ERR_REGISTRY; when adopted: the peer is skipped. */
  peersMax: 4096,
  /** Count: heads in one cut → ERR_REGISTRY. */
  cutHeadsMax: 16 * KIB,
  /** Bytes: id of a peer or a hub → ERR_PEER_ID. */
  idBytesMax: 128,
  /** Bytes: URL of a peer, a locator or a redirect → ERR_PEER_URL; a redirect is not followed. */
  urlBytesMax: 2048,
  /** Bytes: note about a peer → ERR_PEER_ID. */
  noteBytesMax: 1024,
  /** Bytes: one offered registry; a frame can hold it → ERR_REGISTRY; in a frame ERR_SYNC_FRAME. */
  offerBytesMax: 2 * MIB - 64 * KIB,
} as const

/** Fetching entries and frontier files by HTTP. Spec: protocol/registry-entry.md. */
export const FETCH_LIMITS = {
  /** Bytes: one registry entry → the fetch fails; when published: ERR_ENTRY. */
  entryBytesMax: 64 * KIB,
  /** Bytes: one frontier file → the fetch fails; read: ERR_FRONTIER; served: ERR_HTTP_LIMIT. */
  frontierBytesMax: 128 * MIB,
  /** Count: redirects of one fetch → the fetch fails with the status of the redirect. */
  redirectsMax: 3,
  /** Bytes: header of a response → the fetch fails. */
  answerHeaderBytesMax: 16 * KIB,
  /** ms: without a received byte, connecting included → the fetch fails. */
  answerIdleMsMax: 15_000,
  /** ms: from dialling to the last byte of a response → the fetch fails. */
  answerMsMax: 300_000,
} as const

/** Requests to a hub by HTTP. Spec: protocol/http.md, H6 and H12. */
export const HTTP_LIMITS = {
  /** Count: query parameters of a request → ERR_HTTP_REQUEST. */
  parametersMax: 16,
  /** Bytes: body of a publication: the entry with its content → ERR_HTTP_LIMIT. */
  publishBytesMax: 16 * MIB,
  /** ms: by which the time of an entry may be ahead of the clock → ERR_INSTANT. */
  publishAheadMsMax: 600_000,
  /** Count: concurrent publications → ERR_HTTP_BUSY. */
  publishingMax: 8,
  /** Count: the same, per client address → ERR_HTTP_BUSY. */
  publishingPerAddressMax: 2,
  /** Count: ownership records of one frontier → ERR_ENTRY_STALE. */
  ownershipRecordsMax: 1024,
  /**
   * Count: frontiers examined for one page → the page ends with a cursor; a greater `limit` is
   * lowered.
   */
  entriesPageMax: 1000,
  /** Count: events in one page → the page ends with a cursor; a greater `limit` is lowered. */
  eventsPageMax: 500,
  /** Count: events in one page without `limit` → the page ends with a cursor. */
  eventsPageDefault: 100,
  /** Bytes: events in one page → the page ends with a cursor. */
  eventsPageBytes: MIB,
  /** Count: nodes examined for one page of events → the page ends with a cursor. */
  eventsScannedMax: 2_000,
  /** Count: conflicts in one page → the page ends with a cursor; a greater `limit` is lowered. */
  conflictsPageMax: 1000,
  /** Count: open event streams → ERR_HTTP_BUSY. */
  streamsMax: 256,
  /** Count: the same, per client address → ERR_HTTP_BUSY. */
  streamsPerAddressMax: 32,
  /** ms: interval between heartbeats of an idle stream → no error: fixed interval. */
  streamHeartbeatMs: 15_000,
  /** Count: concurrent responses; health paths and streams excepted → ERR_HTTP_BUSY. */
  answersMax: 64,
  /** Count: the same, per client address → ERR_HTTP_BUSY. */
  answersPerAddressMax: 16,
  /** ms: for a reader to take written data → the connection is destroyed. */
  stallMsMax: 30_000,
  /** Count: nodes of a frontier that is served or replayed whole → ERR_HTTP_LIMIT. */
  snapshotNodesMax: 50_000,
  /** Bytes: cached snapshots of all frontiers → the least recently used are dropped. */
  capturesBytesMax: 64 * MIB,
  /** Count: cached snapshots of one frontier → the least recently used are dropped. */
  capturesKeptMax: 4,
  /** ms: refresh interval of a pair; lifetime of old snapshots → it is no longer served. */
  captureMsMax: 60_000,
  /**
   * ms: token bucket per frontier: time in a burst → an older snapshot is served; else
   * ERR_HTTP_BUSY.
   */
  captureBurstMs: 2_000,
  /**
   * Count: token bucket: 1 ms refilled per this many ms → an older snapshot is served; else
   * ERR_HTTP_BUSY.
   */
  capturePart: 10,
  /** Count: frontiers with own metrics → further frontiers are left out. */
  metricsFrontiersMax: 100,
} as const

/**
 * Comparing with peers and resolving conflicts. Spec: protocol/federation.md and
 * protocol/resolution.md.
 */
export const SETTLE_LIMITS = {
  /** Count: conflicts recorded by one comparison → the next comparison records the rest. */
  conflictsRecordedMax: 16 * KIB,
  /** Characters: values of both sides noted with a recorded conflict → the values are left out. */
  sideTextMax: 64 * KIB,
  /**
   * Bytes: records of a comparison written at once → the batch is written and the next one begins.
   */
  recordBatchBytes: 2 * MIB,
  /** Bytes: one stored proposal → ERR_PROPOSAL. */
  proposalBytesMax: 512 * KIB,
  /** Count: stored proposals of one frontier → an applied one is dropped; else ERR_PROPOSAL. */
  proposalsMax: 1024,
} as const

/** Replaying a log. Spec: protocol/replay.md. */
export const REPLAY_LIMITS = {
  /** Count: items in one list of one object → ERR_REPLAY_LIMIT: the event has no effect. */
  listItemsMax: 16 * KIB,
  /**
   * Count: concurrent writers kept of one field of one finding → the earliest in replay order are
   * forgotten.
   */
  settersMax: 256,
  /** Count: events between the closest checkpoints → a new checkpoint begins. */
  checkpointEvents: 64,
} as const

/**
 * The in-memory state of a log and its conflicts. Spec: protocol/replay.md, R21, and
 * protocol/journal.md, J10.
 */
export const VIEW_LIMITS = {
  /**
   * ms: without a new node before a hub looks for conflicts → no error: the timer restarts with
   * each node.
   */
  noteQuietMs: 1_000,
  /** ms: longest delay of that search while nodes keep coming → the search starts. */
  noteMsMax: 30_000,
  /**
   * Count: nodes of a log that is replayed for a merge report without a request → the report leaves
   * the conflicts out, unless the projection is loaded.
   */
  loadNodesMax: 2_000,
  /**
   * Count: nodes of a log whose loaded projection is updated while a peer waits → the report leaves
   * the conflicts out.
   */
  awaitedNodesMax: 20_000,
  /** ms: without a reader before a projection is dropped → the next reader replays the log. */
  idleMsMax: 30_000,
  /** Count: conflicts compared per finding → further conflicts of the finding are not compared. */
  comparedPerFindingMax: 1024,
  /** Count: opened conflicts kept in memory for reports → the oldest are forgotten. */
  openedKeptMax: 4096,
  /** Count: conflicts in one report or journal entry → the list is cut; the count stays exact. */
  openedListedMax: 256,
  /** Count: conflicts in one list → the list is cut. */
  listedMax: 10_000,
} as const

/** The journal. Spec: protocol/journal.md. */
export const JOURNAL_LIMITS = {
  /** Bytes: one entry → ERR_JOURNAL. */
  entryBytesMax: MIB,
  /** Count: faults listed by the check of one journal → the list is cut. */
  faultsMax: 100,
} as const

/** Checking signatures. Spec: protocol/signature.md. */
export const VERIFY_LIMITS = {
  /** Count: worker threads → no error: further batches wait. */
  workersMax: 4,
  /** Count: signatures checked on the calling thread at once → more go to a worker thread. */
  inlineJobsMax: 16,
  /**
   * Count: signatures that a pool checks on the calling thread, in parts, before it starts a thread
   * → more queued signatures start one.
   */
  jobsBeforeThread: 1024,
  /**
   * Count: queued signatures before the calling thread helps → no error: from this count on it
   * helps.
   */
  helpFromJobs: 256,
  /**
   * Count: signatures that it checks per event-loop iteration → the rest wait for the next
   * iteration.
   */
  helpJobsMax: 8,
  /** Bytes: messages checked on the calling thread → larger messages go to a worker thread. */
  inlineBytesMax: 64 * KIB,
  /** Count: signatures in one batch → the rest go in further batches. */
  jobsPerBatchMax: 64,
  /** Bytes: messages in one batch → the batch ends; one larger job is a batch alone. */
  batchBytes: 128 * KIB,
  /** Count: batches queued at one worker → further batches wait. */
  batchesPerWorkerMax: 6,
  /** Count: cached validated keys → the least recently used leaves the cache. */
  keysCachedMax: 1024,
  /** Bytes: a key file → ERR_KEY_FILE. */
  keyFileBytesMax: 4 * KIB,
} as const
