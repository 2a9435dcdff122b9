// Searches the files of a store for the bytes of texts, to prove that erased texts are gone. It
// reads every file below the folder: blocks of tables after decompression, write-ahead logs without
// their frames, other files as they are. An occurrence of the event's id leads to a candidate; the
// candidate is the text if it has the SHA-256 that the header states.
// Formats: LevelDB's doc/table_format.md and doc/log_format.md; Snappy's format_description.txt.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { type Digest, equals, sha256, toHex } from '../../base/bytes.ts'
import { type BlockHandle, type BlockReader, footerBytes, readHandle, readNumber } from './sstable-check.ts'

/** A text to search for. */
export interface SoughtText {
  readonly frontier: string
  readonly seq: number
  /** Digest of the header. */
  readonly digest: Digest
  /** The 8 bytes after `vev_` of the event's id. */
  readonly label: Uint8Array
  /** SHA-256 of the text. */
  readonly event: Digest
  /** Size of the text in bytes. */
  readonly size: number
}

/** A text in a file. */
export interface FoundText extends SoughtText {
  /** Name of the file, relative to the folder. */
  readonly file: string
}

const ID = Buffer.from('"id":"vev_')
const START = Buffer.from('{"actor":')
/** Size of a block of a write-ahead log, and of the frame before each fragment. */
const logBlockBytes = 32 * 1024
const logFrameBytes = 7
/** Bytes: the largest block to decompress. A larger one is damaged. */
const blockBytesMax = 64 * 1024 * 1024

/** Yields each of the texts that a file below the folder contains, once for each file. */
export async function* findTexts(folder: string, sought: readonly SoughtText[]): AsyncGenerator<FoundText> {
  const byLabel = new Map<string, SoughtText[]>()
  for (const text of sought) {
    const label = toHex(text.label)
    byLabel.set(label, [...(byLabel.get(label) ?? []), text])
  }
  for (const entry of await fs.readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const location = path.join(entry.parentPath, entry.name)
    const bytes = await readIfThere(location)
    if (bytes === undefined) continue
    const file = path.relative(folder, location)
    const found = new Set<SoughtText>()
    for (const part of partsOf(entry.name, bytes)) for (const text of textsIn(part, byLabel)) found.add(text)
    for (const text of found) yield { ...text, file }
  }
}

/** LevelDB may delete a file meanwhile. */
async function readIfThere(location: string): Promise<Buffer | undefined> {
  try {
    return await fs.readFile(location)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function* textsIn(bytes: Buffer, byLabel: ReadonlyMap<string, readonly SoughtText[]>): Generator<SoughtText> {
  for (let at = bytes.indexOf(ID); at >= 0; at = bytes.indexOf(ID, at + 1)) {
    const from = at + ID.length
    const start = bytes.lastIndexOf(START, at)
    if (start < 0) continue
    for (const text of byLabel.get(bytes.toString('latin1', from, from + 16)) ?? []) {
      const end = start + text.size
      if (at < end && end <= bytes.length && equals(sha256(bytes.subarray(start, end)), text.event)) yield text
    }
  }
}

/** Returns the file as it is, and its content without the frames of its format. */
function* partsOf(name: string, bytes: Buffer): Generator<Buffer> {
  yield bytes
  if (name.endsWith('.log')) yield logContent(bytes)
  if (name.endsWith('.ldb') || name.endsWith('.sst')) yield* tableBlocks(bytes)
}

/** Joins the fragments of a write-ahead log. */
function logContent(bytes: Buffer): Buffer {
  const fragments: Buffer[] = []
  for (let block = 0; block < bytes.length; block += logBlockBytes) {
    const end = Math.min(block + logBlockBytes, bytes.length)
    for (let at = block; at + logFrameBytes <= end; ) {
      const length = bytes.readUInt16LE(at + 4)
      at += logFrameBytes
      fragments.push(bytes.subarray(at, Math.min(at + length, end)))
      at += length
    }
  }
  return Buffer.concat(fragments)
}

/** Yields the decompressed blocks of a table, without damaged ones, which `verify` reports. */
function* tableBlocks(bytes: Buffer): Generator<Buffer> {
  if (bytes.length < footerBytes) return
  const footer: BlockReader = { bytes: bytes.subarray(bytes.length - footerBytes), at: 0 }
  readHandle(footer)
  const index = blockAt(bytes, readHandle(footer))
  if (index === undefined) return
  for (const handle of handlesIn(index)) {
    const block = blockAt(bytes, handle)
    if (block !== undefined) yield block
  }
}

/** Yields the positions in an index block: entries of a shortened key and a position. */
function* handlesIn(index: Buffer): Generator<BlockHandle> {
  if (index.length < 4) return
  const restarts = index.readUInt32LE(index.length - 4)
  const reader: BlockReader = { bytes: index.subarray(0, Math.max(0, index.length - 4 - 4 * restarts)), at: 0 }
  while (reader.at < reader.bytes.length) {
    readNumber(reader)
    const keyBytes = readNumber(reader)
    const valueBytes = readNumber(reader)
    if (!(keyBytes + valueBytes <= reader.bytes.length - reader.at)) return
    const value = { bytes: reader.bytes, at: reader.at + keyBytes }
    reader.at += keyBytes + valueBytes
    yield readHandle(value)
  }
}

function blockAt(bytes: Buffer, { offset, size }: BlockHandle): Buffer | undefined {
  if (!(offset + size < bytes.length)) return undefined
  const content = bytes.subarray(offset, offset + size)
  return bytes[offset + size] === 0 ? content : decompress(content)
}

/** Decompresses a Snappy block; undefined if it is damaged. */
export function decompress(bytes: Buffer): Buffer | undefined {
  const reader: BlockReader = { bytes, at: 0 }
  const length = readNumber(reader)
  if (!(length <= blockBytesMax)) return undefined
  const out = Buffer.alloc(length)
  let to = 0
  while (reader.at < bytes.length) {
    const element = readElement(reader)
    if (element === undefined || !(to + element.length <= length)) return undefined
    const { literal, back, length: count } = element
    if (literal !== undefined) literal.copy(out, to)
    else if (!(back > 0 && back <= to)) return undefined
    else for (let i = to; i < to + count; i++) out[i] = out[i - back]!
    to += count
  }
  return to === length ? out : undefined
}

interface Element {
  readonly length: number
  /** Bytes to copy from the input. */
  readonly literal?: Buffer
  /** Distance to bytes to copy from the output. */
  readonly back: number
}

/** Reads an element; undefined if the input ends before it. */
function readElement(reader: BlockReader): Element | undefined {
  const { bytes } = reader
  const tag = bytes[reader.at++]!
  const kind = tag & 3
  const high = tag >>> 2
  if (kind === 0) {
    const length = (high < 60 ? high : littleEndian(reader, high - 59)) + 1
    const literal = bytes.subarray(reader.at, reader.at + length)
    reader.at += length
    return literal.length === length ? { length, literal, back: 0 } : undefined
  }
  if (kind === 1) return { length: (high & 7) + 4, back: (tag >>> 5) * 256 + littleEndian(reader, 1) }
  return { length: high + 1, back: littleEndian(reader, kind === 2 ? 2 : 4) }
}

/** Returns NaN if the input ends before the number. */
function littleEndian(reader: BlockReader, count: number): number {
  const at = reader.at
  reader.at += count
  return reader.at <= reader.bytes.length ? reader.bytes.readUIntLE(at, count) : Number.NaN
}
