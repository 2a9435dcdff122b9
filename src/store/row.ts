// The encoded form of a stored node, which the engines share: a head that never changes, the state
// of the text, and the item. Spec: protocol/store.md, T10 and T26.

import * as zlib from 'node:zlib'
import { asBuffer, equals, sha256 } from '../base/bytes.ts'
import type { NodeEntry, NodeRow, TextState } from './store.ts'
import { corruptionError } from './validate.ts'

/** Words of a code with distance 4, so that a flipped bit does not make one state of another. */
export const TEXT_CODE: Record<TextState, number> = {
  here: 0x0f,
  wanted: 0x33,
  'left-out': 0x55,
  erased: 0x69,
  void: 0x96,
}
const TEXT_STATES = new Map(Object.entries(TEXT_CODE).map(([state, code]) => [code, state as TextState]))

/** The state that a code stands for; undefined when it is damaged. */
export function textStateOf(code: number | undefined): TextState | undefined {
  return TEXT_STATES.get(code ?? 0)
}

const ROW_FIXED = 83

/**
 * Encodes a row (T10): crc ‖ number of parents ‖ height ‖ label ‖ event ‖ digest ‖ header size ‖
 * parents ‖ state of the text ‖ item. The part before the state never changes. It is the head,
 * which the checksum covers.
 */
export function encodeRow(node: NodeEntry, parents: readonly number[]): { row: Buffer; head: Buffer } {
  const headBytes = ROW_FIXED + 4 * parents.length
  const row = Buffer.allocUnsafe(headBytes + 1 + node.bytes.length)
  row[4] = parents.length
  row.writeUInt32BE(node.height, 5)
  row.set(node.label, 9)
  row.set(node.event, 17)
  row.set(node.digest, 49)
  row.writeUInt16BE(node.headerBytes, 81)
  for (const [at, parent] of parents.entries()) row.writeUInt32BE(parent, ROW_FIXED + 4 * at)
  row.writeUInt32BE(zlib.crc32(row.subarray(4, headBytes)), 0)
  row[headBytes] = TEXT_CODE[node.text]
  row.set(node.bytes, headBytes + 1)
  return { row, head: row.subarray(0, headBytes) }
}

/** Returns a row with its text in another state; `text` goes with `here`. */
export function withText(row: StoredRow, state: TextState, text: Uint8Array = new Uint8Array()): Buffer {
  const { head, bytes, headerBytes } = row
  return Buffer.concat([head, Buffer.of(TEXT_CODE[state]), bytes.subarray(0, headerBytes), text])
}

/** A row, with the members that the index needs. */
export interface StoredRow extends NodeRow {
  /** The encoded row without the node's bytes. */
  readonly head: Buffer
  readonly height: number
  readonly label: Buffer
  readonly event: Buffer
}

/**
 * Decodes a row and verifies checksum and digest.
 * @throws ReplicaError ERR_STORE_CORRUPT if `stored` is undefined or damaged
 */
export function decodeRow(frontier: string, seq: number, stored: Uint8Array | undefined): StoredRow {
  const fail = (reason: string) => corruptionError(`node ${seq} of ${frontier}: ${reason}`, { frontier, seq })
  if (stored === undefined) throw fail('it is missing')
  const value = asBuffer(stored)
  const count = value[4] ?? 0
  const end = ROW_FIXED + 4 * count
  if (value.length < end || zlib.crc32(value.subarray(4, end)) !== value.readUInt32BE(0)) {
    throw fail('the head of its row is damaged')
  }
  const bytes = value.subarray(end + 1)
  const headerBytes = value.readUInt16BE(81)
  const digest = value.subarray(49, 81)
  const event = value.subarray(17, 49)
  const text = textStateOf(value[end])
  if (text === undefined) throw fail('the state of its text is damaged')
  if (!equals(sha256(bytes.subarray(0, headerBytes)), digest)) throw fail('its header is damaged')
  if ((text === 'here') !== bytes.length > headerBytes) throw fail('its text is not what the row says')
  if (text === 'here' && !equals(sha256(bytes.subarray(headerBytes)), event)) throw fail('its text is damaged')
  const parents: number[] = []
  for (let at = ROW_FIXED; at < end; at += 4) parents.push(value.readUInt32BE(at))
  return {
    seq,
    digest,
    bytes,
    headerBytes,
    text,
    parents,
    head: value.subarray(0, end),
    height: value.readUInt32BE(5),
    label: value.subarray(9, 17),
    event,
  }
}
