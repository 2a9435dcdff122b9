// Wire messages: their types, their exact shapes, and the only encoder and decoder.
// A frame is one message: a strict DAG-CBOR map whose member `t` names it. A missing, unknown or
// malformed member makes the frame invalid. The shapes are those of protocol/replica.cddl. The hash
// of that file is pinned beside the version, so that neither changes alone.
// Spec: protocol/sync.md, S3 to S5.

import type { Digest } from '../base/bytes.ts'
import { hasCode, ReplicaError } from '../base/errors.ts'
import { isFrontierId } from '../base/frontier-id.ts'
import { REGISTRY_LIMITS, WIRE_LIMITS } from '../base/limits.ts'
import { isTextFilter, type TextFilter } from '../base/text-filter.ts'
import { type CborValue, decodeCbor, encodeCbor } from '../cbor/dag-cbor.ts'
import type { OpenedTally } from './flow-report.ts'

/** Version of the protocol. */
export const PROTOCOL_VERSION = 2
/** WebSocket subprotocol. */
export const SUBPROTOCOL = 'replica.sync.v1'
/**
 * SHA-256 of protocol/replica.cddl. A change of the grammar requires a decision about the version.
 */
export const CDDL_SHA256 = '0c3ad2b8ace3cc93ade9c51692a292256cf546a2c85ac786c83baa8e772c356a'
/** Bytes of the text of an error. */
export const ERROR_TEXT_MAX = 1024
/** Bytes of the id of the finding that an opened conflict names. */
export const OPENED_FINDING_BYTES_MAX = 256
/** Frontiers in one list. */
export const FRONTIERS_MAX = 1024

/** Capability of a hello; unknown ones are ignored. The proof can bind the TLS exporter. */
export const CAP_EXPORTER = 'tls-exporter'
/** Blocks may be sent compressed. */
export const CAP_DEFLATE = 'deflate'
/** Live channels are supported. */
export const CAP_LIVE = 'live'
/** A report may list opened conflicts. */
export const CAP_CONFLICTS = 'conflicts'

/** Direction of nodes, seen from the client. */
export type Mode = 'pull' | 'push' | 'both'

/** A position in the log of one side: the other side stores or holds every node below `seq`. */
export interface Cursor {
  /** Id of the store whose log is meant, 16 bytes. */
  readonly store: Uint8Array
  readonly seq: number
  /** Trace of the first `seq` nodes of that log; zeros if it is not known. */
  readonly trace: Digest
}

/** One side's summary of a frontier when the channel opens. */
export interface FrontierSummaryFields {
  readonly store: Uint8Array
  readonly count: number
  readonly headCount: number
  readonly digest: Digest
  /** Trace of the log (log-trace.ts). */
  readonly trace: Digest
  readonly registry: Digest
  /** First page of the heads, ascending. Further pages follow as `heads` messages while `more`. */
  readonly heads: readonly Digest[]
  readonly more: boolean
  readonly cursor: Cursor | null
  /** The side keeps no texts, or those that match a filter. */
  readonly texts?: SentTexts
}

/** The texts that a source sends to a side that does not keep all. */
export type SentTexts = 'none' | TextFilter

/** Limits that a side states in its hello. */
export interface Limits {
  readonly frame: number
  readonly creditBytes: number
  readonly creditNodes: number
}

/** First message of each side. */
export type HelloMessage = {
  t: 'hello'
  versions: readonly number[]
  hub: string
  key: Uint8Array
  nonce: Uint8Array
  caps: readonly string[]
  limits: Limits
}
/** Opens a channel. `live`: it stays open after its flows. */
export type OpenMessage = { t: 'open'; ch: number; frontier: string; mode: Mode; live?: true } & FrontierSummaryFields
/** The hub's reply to `open`. */
export type OpenedMessage = { t: 'opened'; ch: number } & FrontierSummaryFields
/** A sink's report of a round. */
export type ReportMessage = {
  t: 'report'
  ch: number
  admitted: number
  known: number
  held: readonly { id: Digest; key: Uint8Array }[]
  heldCount: number
  refused: readonly { id: Digest; code: string }[]
  refusedCount: number
  count: number
  digest: Digest
  complete: boolean
  /** Sent by a hub about the nodes of a client. */
  opened?: OpenedTally
}
/** A message, by its member `t`. */
export type Message =
  | HelloMessage
  | { t: 'proof'; sig: Uint8Array }
  | { t: 'error'; ch: number | null; code: string; message: string }
  | { t: 'list' }
  | { t: 'frontiers'; items: readonly { frontier: string; count: number; digest: Digest }[] }
  | { t: 'registry'; frontier: string }
  | { t: 'peers'; frontier: string; data: Uint8Array }
  | OpenMessage
  | OpenedMessage
  | { t: 'heads'; ch: number; heads: readonly Digest[]; more: boolean }
  | { t: 'offer'; ch: number; ids: readonly Digest[] }
  | { t: 'have'; ch: number; stored: Uint8Array; held: Uint8Array }
  | { t: 'blocks'; ch: number; nodes: readonly Uint8Array[] }
  | { t: 'packed'; ch: number; size: number; data: Uint8Array }
  | { t: 'ack'; ch: number; nodes: number; bytes: number }
  | { t: 'want'; ch: number; ids: readonly Digest[] }
  /** `match`: only texts of matching events. */
  | { t: 'texts'; ch: number; ids: readonly Digest[]; match?: TextFilter }
  | { t: 'lack'; ch: number; ids: readonly Digest[] }
  | { t: 'end'; ch: number; seq: number; digest: Digest; nodes: number; trace?: Digest }
  | ReportMessage
  | { t: 'stop'; ch: number }
  | { t: 'close'; ch: number }

type Check = (value: CborValue) => boolean
type Shape = Readonly<Record<string, Check>>

const { frameBytesMax, headsPerFrameMax, idsPerOfferMax, idsPerWantMax, creditNodes } = WIRE_LIMITS
const { reportItemsMax, openedEventsMax, openedNameBytesMax } = WIRE_LIMITS

const uint: Check = value => typeof value === 'number' && value >= 0
const flag: Check = value => typeof value === 'boolean'
/** Text of `bytesMin` to `bytesMax` bytes of UTF-8. */
const text =
  (bytesMax: number, bytesMin = 0): Check =>
  value =>
    typeof value === 'string' &&
    value.length >= bytesMin &&
    value.length <= bytesMax &&
    Buffer.byteLength(value) <= bytesMax
const bytes =
  (length: number): Check =>
  value =>
    value instanceof Uint8Array && value.length === length
const bytesUpTo =
  (lengthMax: number, lengthMin = 0): Check =>
  value =>
    value instanceof Uint8Array && value.length <= lengthMax && value.length >= lengthMin
const array =
  (itemsMax: number, item: Check, itemsMin = 0): Check =>
  value =>
    Array.isArray(value) && value.length <= itemsMax && value.length >= itemsMin && value.every(item)
const nullOr =
  (check: Check): Check =>
  value =>
    value === null || check(value)
const map =
  (shape: Shape): Check =>
  value =>
    matches(value, shape)

const frontier: Check = value => typeof value === 'string' && isFrontierId(value)
const mode: Check = value => value === 'pull' || value === 'push' || value === 'both'
const heads = array(headsPerFrameMax, bytes(32))
const SUMMARY: Shape = {
  store: bytes(16),
  count: uint,
  headCount: uint,
  digest: bytes(32),
  trace: bytes(32),
  registry: bytes(32),
  heads,
  more: flag,
  cursor: nullOr(map({ store: bytes(16), seq: uint, trace: bytes(32) })),
}

const SHAPES: Readonly<Record<Message['t'], Shape>> = {
  hello: {
    versions: array(16, uint, 1),
    hub: text(REGISTRY_LIMITS.idBytesMax, 1),
    key: bytes(32),
    nonce: bytes(32),
    caps: array(32, text(64)),
    limits: map({ frame: uint, creditBytes: uint, creditNodes: uint }),
  },
  proof: { sig: bytes(64) },
  error: { ch: nullOr(uint), code: text(64), message: text(ERROR_TEXT_MAX) },
  list: {},
  frontiers: { items: array(FRONTIERS_MAX, map({ frontier, count: uint, digest: bytes(32) })) },
  registry: { frontier },
  peers: { frontier, data: bytesUpTo(REGISTRY_LIMITS.offerBytesMax) },
  open: { ch: uint, frontier, mode, ...SUMMARY },
  opened: { ch: uint, ...SUMMARY },
  heads: { ch: uint, heads, more: flag },
  offer: { ch: uint, ids: array(idsPerOfferMax, bytes(32), 1) },
  have: { ch: uint, stored: bytesUpTo(idsPerOfferMax / 8, 1), held: bytesUpTo(idsPerOfferMax / 8, 1) },
  blocks: { ch: uint, nodes: array(creditNodes, bytesUpTo(frameBytesMax, 1), 1) },
  packed: { ch: uint, size: uint, data: bytesUpTo(frameBytesMax) },
  ack: { ch: uint, nodes: uint, bytes: uint },
  want: { ch: uint, ids: array(idsPerWantMax, bytes(32), 1) },
  texts: { ch: uint, ids: array(idsPerWantMax, bytes(32), 1) },
  lack: { ch: uint, ids: array(idsPerWantMax, bytes(32), 1) },
  end: { ch: uint, seq: uint, digest: bytes(32), nodes: uint },
  report: {
    ch: uint,
    admitted: uint,
    known: uint,
    held: array(reportItemsMax, map({ id: bytes(32), key: bytes(32) })),
    heldCount: uint,
    refused: array(reportItemsMax, map({ id: bytes(32), code: text(64) })),
    refusedCount: uint,
    count: uint,
    digest: bytes(32),
    complete: flag,
  },
  stop: { ch: uint },
  close: { ch: uint },
}
const name = text(openedNameBytesMax)
const OPENED: Shape = {
  count: uint,
  items: array(
    reportItemsMax,
    map({
      conflict: name,
      kind: nullOr(name),
      field: nullOr(name),
      events: array(openedEventsMax, text(64)),
      finding: nullOr(text(OPENED_FINDING_BYTES_MAX)),
      contested: flag,
    }),
  ),
}
const texts: Check = value => value === 'none' || isTextFilter(value)
/** Optional members. */
const OPTIONAL: { readonly [t in Message['t']]?: Shape } = {
  open: { live: value => value === true, texts },
  opened: { texts },
  texts: { match: isTextFilter },
  end: { trace: bytes(32) },
  report: { opened: map(OPENED) },
}

function matches(value: CborValue, shape: Shape): value is { [key: string]: CborValue } {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) return false
  const names = Object.keys(shape)
  if (Object.keys(value).length !== names.length) return false
  return names.every(name => Object.hasOwn(value, name) && shape[name]!(value[name]!))
}

/**
 * Decodes one frame.
 * @throws ReplicaError ERR_SYNC_FRAME for anything but one well-formed message in strict DAG-CBOR
 */
export function decodeMessage(frame: Uint8Array): Message {
  let value: CborValue
  try {
    value = decodeCbor(frame)
  } catch (error) {
    if (!hasCode(error, 'ERR_CBOR')) throw error
    throw new ReplicaError('ERR_SYNC_FRAME', `a frame is not strict DAG-CBOR: ${error.message}`, { cause: error })
  }
  const type = typeOf(value)
  const { t: _, ...rest } = value as { [key: string]: CborValue }
  const optional = Object.entries(OPTIONAL[type] ?? {}).filter(([name]) => Object.hasOwn(rest, name))
  if (!matches(rest, optional.length === 0 ? SHAPES[type] : { ...SHAPES[type], ...Object.fromEntries(optional) }))
    throw new ReplicaError('ERR_SYNC_FRAME', `a '${type}' message has not the shape of one`)
  return value as Message
}

function typeOf(value: CborValue): Message['t'] {
  const t =
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
      ? value.t
      : undefined
  if (typeof t !== 'string' || !Object.hasOwn(SHAPES, t)) {
    throw new ReplicaError('ERR_SYNC_FRAME', 'a frame names no message of this version')
  }
  return t as Message['t']
}

/** Encodes one frame. */
export function encodeMessage(message: Message): Uint8Array {
  return encodeCbor(message as unknown as CborValue)
}

/**
 * Returns bit `index` of a `have`: bit `index & 7` of byte `index >> 3`, least significant first.
 */
export function bit(bits: Uint8Array, index: number): boolean {
  return ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0
}

/** Sets bit `index` of a `have`. */
export function setBit(bits: Uint8Array, index: number): void {
  bits[index >> 3]! |= 1 << (index & 7)
}
