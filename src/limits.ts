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
  documentChunkBytesMax: 256 * KIB,
  cborDepthMax: 32,
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
  creditBytes: 2 * MIB,
  creditNodes: 1024,
  channelsMax: 64,
  reportItemsMax: 256,
} as const

export const HEADS_ALARM = 10_000

export const SOCKET_LIMITS = {
  outboundBytesMax: 4 * MIB,
  handshakeMsMax: 5_000,
  pingMs: 20_000,
  pingMissesMax: 2,
  idleMsMax: 60_000,
  connectionsMax: 1_200,
  unprovenMax: 64,
  unprovenPerAddressMax: 4,
  headerBytesMax: 8 * KIB,
  headerMsMax: 10_000,
  bodyBytesMax: 64 * KIB,
  bodyMsMax: 15_000,
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

export const REGISTRY_LIMITS = {
  peersMax: 4096,
  cutHeadsMax: 1024,
  idBytesMax: 128,
  urlBytesMax: 2048,
  noteBytesMax: 1024,
  offerBytesMax: 2 * MIB - 64 * KIB,
} as const
