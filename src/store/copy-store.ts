// Copies a store to another engine or another place: logs with the same numbers, documents, held
// nodes and records. A copy that was interrupted continues where it was. The source may be in use.
// Spec: protocol/store.md, T59.

import { compare, type Digest, DigestSet, equals } from '../base/bytes.ts'
import { hasCode, ReplicaError } from '../base/errors.ts'
import { COMMIT_LIMITS } from '../base/limits.ts'
import type { DocumentBlock } from '../node/document-chunks.ts'
import { readChunkList } from '../node/document-chunks.ts'
import { decodeHeader } from '../node/node.ts'
import {
  CURSOR_RECORDS,
  type FrontierStore,
  type HeldNode,
  type NodeEntry,
  type NodeRow,
  type RecordChange,
  type Records,
  type Store,
  type TextChange,
} from './store.ts'

/** Progress and abort of a copy. */
export interface CopyOptions {
  readonly signal?: AbortSignal
  /** Receives the number of nodes that are copied. */
  readonly onProgress?: (nodes: number) => void
}

/** The content of a copy. */
export interface CopyReport {
  readonly frontiers: number
  readonly nodes: number
  readonly held: number
  readonly records: number
}

const PAGE = 256
/** Bytes of rows, of which a commit takes at most twice as many. */
const BATCH_BYTES = COMMIT_LIMITS.bytesMax / 2
const ROWS = 64
const ROUNDS_MAX = 10

/**
 * Copies everything from one store to another one with the same id.
 * @throws ReplicaError ERR_STORE_EXISTS if the target is another store, ERR_STORE_CORRUPT if the
 *   target does not equal the source, ERR_ABORTED, ERR_STORE_…
 */
export async function copyStore(from: Store, to: Store, options: CopyOptions = {}): Promise<CopyReport> {
  if (!equals(from.id, to.id)) throw new ReplicaError('ERR_STORE_EXISTS', 'the target is another store')
  // A cursor of a source in use promises nodes that are held or stored before it is written, and a
  // held node may move to the log: hence this order.
  const cursors = await cursorsOf(from.records)
  let nodes = 0
  let held = 0
  const names = from.frontiers()
  for (const name of names) {
    const source = from.frontier(name)
    const target = await to.track(name)
    const kept = await copyHeld(from, to, name)
    await copyLog(source, target, { ...options, onProgress: count => options.onProgress?.(nodes + count) })
    await copyTexts(source, target)
    nodes += target.nodes
    held += await dropHeld(to, target, kept)
  }
  const records = await copyRecords(from.records, to.records, cursors)
  return { frontiers: names.length, nodes, held, records }
}

async function copyLog(source: FrontierStore, target: FrontierStore, options: CopyOptions): Promise<void> {
  const { signal, onProgress } = options
  const snapshot = source.snapshot(source.nodes)
  const headsDigest = source.headsDigest()
  await checkBeginning(source, target)
  for await (const rows of snapshot.scan({ from: target.nodes, batchBytes: BATCH_BYTES })) {
    for (let at = 0; at < rows.length; at += COMMIT_LIMITS.nodesMax) {
      if (signal?.aborted) throw new ReplicaError('ERR_ABORTED', 'the copy was aborted', { cause: signal.reason })
      const entries = rows.slice(at, at + COMMIT_LIMITS.nodesMax).map(entryOf)
      await copyDocuments(source, target, entries)
      await target.commit(entries)
      onProgress?.(target.nodes)
    }
  }
  const isEqual = target.nodes === snapshot.nodes && equals(target.headsDigest(), headsDigest)
  if (!isEqual) throw new ReplicaError('ERR_STORE_CORRUPT', `the copy of ${source.name} does not equal its source`)
}

/** A target that has nodes must have those of the source. */
async function checkBeginning(source: FrontierStore, target: FrontierStore): Promise<void> {
  if (target.nodes === 0) return
  const last = target.nodes - 1
  const [there] = await target.read([last])
  const [here] = last < source.nodes ? await source.read([last]) : []
  if (here !== undefined && equals(here.digest, there!.digest)) return
  throw new ReplicaError('ERR_STORE_EXISTS', `the target has another log of ${source.name}`)
}

function entryOf({ digest, bytes, headerBytes, text }: NodeRow): NodeEntry {
  const { parents, height, label, event } = decodeHeader(bytes.subarray(0, headerBytes))
  return { digest, bytes, headerBytes, text, parents, height, label, event }
}

/** Copies the documents that nodes link, before the nodes. */
async function copyDocuments(source: FrontierStore, target: FrontierStore, nodes: readonly NodeEntry[]): Promise<void> {
  const links = nodes.flatMap(({ bytes, headerBytes }) => decodeHeader(bytes.subarray(0, headerBytes)).links)
  for (const { codec, digest } of links) {
    const block = await copyBlock(source, target, digest)
    if (codec !== 'dag-cbor' || block === undefined) continue
    for (const chunk of new DigestSet(chunksOf(block))) await copyBlock(source, target, chunk)
  }
}

function chunksOf(block: Uint8Array): readonly Digest[] {
  try {
    return readChunkList(block).chunks
  } catch (error) {
    if (hasCode(error)) return [] // not a list: the check of the store says so
    throw error
  }
}

async function copyBlock(
  source: FrontierStore,
  target: FrontierStore,
  digest: Digest,
): Promise<Uint8Array | undefined> {
  const bytes = await source.documents.get(digest)
  if (bytes === undefined) return undefined
  const block: DocumentBlock = { digest, bytes }
  await target.documents.put([block])
  return bytes
}

/** Gives each copied node the text, or the state of its text, that it has in the source. */
async function copyTexts(source: FrontierStore, target: FrontierStore): Promise<void> {
  if (source.texts().here === source.nodes && target.texts().here === target.nodes) return
  for (let from = 0; from < target.nodes; from += ROWS) {
    const seqs = Array.from({ length: Math.min(ROWS, target.nodes - from) }, (_, at) => from + at)
    const [here, there] = await Promise.all([source.read(seqs), target.read(seqs)])
    const changes = here.flatMap(({ seq, text, bytes, headerBytes }, at): TextChange[] => {
      if (text === there[at]!.text) return []
      return [text === 'here' ? { seq, text: bytes.subarray(headerBytes) } : { seq, state: text }]
    })
    for (const change of changes) await target.setTexts([change])
  }
}

/** Copies the held nodes. Returns their digests. */
async function copyHeld(from: Store, to: Store, name: string): Promise<DigestSet> {
  const kept = new DigestSet()
  for await (const page of heldPages(from, name)) {
    const stored = await to.held.put(name, page)
    if (stored.includes(false)) throw new ReplicaError('ERR_HELD_FULL', 'the target has no room for the held nodes')
    for (const { digest } of page) kept.add(digest)
  }
  return kept
}

/**
 * Drops the held nodes of an earlier copy, and those that the log has now.
 * @returns how many are left
 */
async function dropHeld(to: Store, target: FrontierStore, kept: DigestSet): Promise<number> {
  for await (const page of heldPages(to, target.name)) {
    const digests = page.map(({ digest }) => digest)
    const places = await target.locate(digests)
    const gone = digests.filter((digest, at) => places[at] !== undefined || !kept.has(digest))
    if (gone.length > 0) await to.held.delete(target.name, gone)
  }
  return to.held.usage(target.name).nodes
}

async function* heldPages({ held }: Store, name: string): AsyncGenerator<HeldNode[]> {
  let after: Digest | undefined
  for (;;) {
    const page = await held.list(name, after === undefined ? { limit: ROWS } : { after, limit: ROWS })
    if (page.length === 0) return
    yield page
    after = page.at(-1)!.digest
  }
}

type Cursors = ReadonlyMap<string, Uint8Array>

/** Returns the cursors of peers: a small record for each registered peer. */
async function cursorsOf(records: Records): Promise<Cursors> {
  const found = new Map<string, Uint8Array>()
  for (let after: string | undefined; ; ) {
    const options = after === undefined ? { limit: PAGE } : { after, limit: PAGE }
    const page = await records.list(CURSOR_RECORDS, options)
    for (const { key, value } of page) found.set(key, value)
    if (page.length < PAGE) return found
    after = page.at(-1)!.key
  }
}

/**
 * Copies the records, with the cursors as they were before the logs were copied. A source in use
 * may change between two pages, so the rest is compared again until nothing differs, which holds at
 * one moment.
 */
async function copyRecords(from: Records, to: Records, cursors: Cursors): Promise<number> {
  for (let round = 0; ; round++) {
    const { changes, count } = await difference(from, to, cursors)
    if (changes.length === 0) return count
    if (round === ROUNDS_MAX) {
      throw new ReplicaError('ERR_STORE_IO', 'the records change all the time: copy them when the store is at rest')
    }
    for (const part of inWrites(changes)) await to.write(part)
  }
}

/** Returns the changes that make the records of a target equal to those of a source. */
async function difference(
  from: Records,
  to: Records,
  cursors: Cursors,
): Promise<{ changes: RecordChange[]; count: number }> {
  const changes: RecordChange[] = []
  let count = 0
  let after: string | undefined
  for (;;) {
    const options = after === undefined ? { limit: PAGE } : { after, limit: PAGE }
    const page = await from.list('', options)
    const until = page.length < PAGE ? undefined : page.at(-1)!.key
    const there = await range(to, after, until)
    for (const { key, value: present } of page) {
      const value = key.startsWith(CURSOR_RECORDS) ? cursors.get(key) : present
      const known = there.get(key)
      if (value === undefined) continue
      there.delete(key)
      if (known === undefined || compare(known, value) !== 0) changes.push({ key, value })
      count += 1
    }
    for (const key of there.keys()) changes.push({ key, value: undefined })
    if (until === undefined) return { changes, count }
    after = until
  }
}

/** Returns the records after one key, up to another one. */
async function range(
  records: Records,
  after: string | undefined,
  until: string | undefined,
): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>()
  const end = until === undefined ? undefined : Buffer.from(until)
  for (let last = after; ; ) {
    const page = await records.list('', last === undefined ? { limit: PAGE } : { after: last, limit: PAGE })
    for (const { key, value } of page) {
      if (end !== undefined && compare(Buffer.from(key), end) > 0) return found
      found.set(key, value)
    }
    if (page.length < PAGE) return found
    last = page.at(-1)!.key
  }
}

function* inWrites(changes: readonly RecordChange[]): Iterable<RecordChange[]> {
  let part: RecordChange[] = []
  let bytes = 0
  for (const change of changes) {
    const size = change.key.length + (change.value?.length ?? 0)
    if (part.length > 0 && (bytes + size > BATCH_BYTES || part.length === PAGE)) {
      yield part
      part = []
      bytes = 0
    }
    part.push(change)
    bytes += size
  }
  if (part.length > 0) yield part
}
