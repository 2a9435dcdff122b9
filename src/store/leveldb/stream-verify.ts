// Checks one stream completely: the log itself, the index against the log, and the heads against
// both. It repairs nothing and continues after a fault, so one run reports all faults.
// Spec: protocol/store.md, T22.

import { type Digest, equals } from '../../base/bytes.ts'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import { unseal } from '../checksum.ts'
import type { Heads } from '../heads.ts'
import { type StoredRow, textStateOf } from '../row.ts'
import type { Fault } from '../store.ts'
import type { CommitWriter, Stream } from './commit-writer.ts'
import type { DatabaseEntry } from './database.ts'
import { COMMIT, decodeLocation, indexRange, NODE, readNumber32, readStreamKey, streamKey, type Tail } from './keys.ts'
import type { NodeIndex } from './node-index.ts'
import { StreamCheck } from './stream-check.ts'

/** A stream to verify. */
export interface VerifyParts {
  readonly writer: CommitWriter
  readonly index: NodeIndex
  readonly stream: Stream
  readonly genesis: Digest
  /** The state of the stream at one moment. Later nodes are not checked. */
  readonly tail: Tail
  /** The tail in index/ at that moment; undefined if there is none. */
  readonly indexed: Tail | undefined
  /** Heads in memory at that moment, by sequence number. */
  readonly heads: ReadonlyMap<number, Digest>
  /** Heads in index/ at that moment. */
  readonly storedHeads: Heads
}

/** Options of `verifyStream`. */
export interface StreamVerifyOptions {
  readonly signal: AbortSignal | undefined
  /** Called after each batch with its number of rows. */
  readonly onRows: (count: number) => void
}

/** Yields the faults of a stream. @throws ReplicaError ERR_ABORTED */
export async function* verifyStream(parts: VerifyParts, options: StreamVerifyOptions): AsyncGenerator<Fault> {
  const { stream, tail, indexed, heads } = parts
  const { name } = stream
  const indexEnd = indexed?.end ?? 0
  let faults: Fault[] = []
  let found = 0
  const states: Record<string, number> = {}
  const start = { genesis: parts.genesis }
  const check = new StreamCheck({ name, start, onFault: fault => faults.push(fault) })
  const parents = new BitSet(tail.end)
  for await (const entries of allEntries(parts.writer, stream.ordinal, tail.end)) {
    if (options.signal?.aborted)
      throw new ReplicaError('ERR_ABORTED', 'the check of the store was aborted', { cause: options.signal.reason })
    const rows = checkEntries(check, entries)
    const indexable = rows.filter(row => row.seq < indexEnd)
    for (const [at, reason] of (await indexFaults(parts, indexable)).entries()) {
      const { seq, digest } = indexable[at]!
      if (reason !== undefined) faults.push({ kind: 'index', frontier: name, seq, digest, reason })
    }
    for (const { seq, digest, parents: seqs, text } of rows) {
      states[text] = (states[text] ?? 0) + 1
      for (const parent of seqs) parents.add(parent)
      const head = heads.get(seq)
      if (head === undefined || equals(head, digest)) continue
      faults.push({ kind: 'heads', frontier: name, seq, digest, reason: 'a head has another digest' })
    }
    found += faults.length
    yield* faults
    faults = []
    options.onRows(rows.length)
  }
  const end = check.finish(tail.end)
  if (indexed !== undefined && end.end === indexed.end && !equals(end.link, indexed.link)) {
    const where = { seq: indexed.last, ...(name === '' ? {} : { frontier: name }) }
    faults.push({ kind: 'commit', ...where, reason: 'the last commit differs from the one that was written' })
  }
  yield* faults
  if (name === '') return
  if (indexed === undefined) yield { kind: 'index', frontier: name, reason: 'the stream is not indexed' }
  // Heads and counts can be compared only if all nodes could be read.
  else if (found + faults.length === 0 && indexed.end === tail.end) yield* verifyDerived(parts, { parents, states })
}

async function* verifyDerived(
  parts: VerifyParts,
  { parents, states }: { parents: BitSet; states: Readonly<Record<string, number>> },
): AsyncGenerator<Fault> {
  const { writer, tail, heads, storedHeads } = parts
  const { name: frontier, ordinal } = parts.stream
  for (let seq = 0; seq < tail.end; seq++) {
    if (parents.has(seq) === heads.has(seq)) {
      const reason = heads.has(seq) ? 'a node with children is listed as a head' : 'a head is not listed'
      yield { kind: 'heads', frontier, seq, reason }
    }
  }
  const isHead = ({ seq, digest }: { seq: number; digest: Digest }) => {
    const head = heads.get(seq)
    return head !== undefined && equals(head, digest)
  }
  if (storedHeads.count !== heads.size || ![...storedHeads].every(isHead)) {
    yield { kind: 'heads', frontier, reason: 'the heads in the index differ from those of the log' }
  }
  let nodes = 0
  for await (const entries of writer.index.entries(indexRange('d', ordinal))) {
    nodes += entries.filter(([key, value]) => (decodeLocation(key, value)?.seq ?? 0) < tail.end).length
  }
  let events = 0
  for await (const entries of writer.index.entries(indexRange('e', ordinal))) {
    events += entries.filter(([key, value]) => readNumber32(unseal(key, value) ?? new Uint8Array(4)) < tail.end).length
  }
  const listed: Record<string, number> = {}
  for await (const entries of writer.index.entries({ ...indexRange('t', ordinal), keysOnly: true })) {
    for (const [key] of entries) {
      const state = readNumber32(key, 6) < tail.end ? (textStateOf(key[5]) ?? 'damaged') : 'later'
      listed[state] = (listed[state] ?? 0) + 1
    }
  }
  for (const state of ['wanted', 'left-out', 'erased', 'void', 'damaged']) {
    const [inLog, inIndex] = [states[state] ?? 0, listed[state] ?? 0]
    if (inLog === inIndex) continue
    yield { kind: 'index', frontier, reason: `${inIndex} texts are indexed as ${state} of ${inLog}` }
  }
  if (nodes !== tail.end) yield { kind: 'index', frontier, reason: `${nodes} of ${tail.end} nodes are indexed` }
  if (events !== tail.events)
    yield { kind: 'index', frontier, reason: `${events} of ${tail.events} events are indexed` }
}

function checkEntries(check: StreamCheck, entries: readonly DatabaseEntry[]): StoredRow[] {
  return entries.flatMap(([key, value]) => {
    const { seq, kind } = readStreamKey(key)
    return check.add(seq, kind, value) ?? []
  })
}

/** Like `NodeIndex.findFaults`, but an unreadable index is a fault of each node of the batch. */
async function indexFaults(parts: VerifyParts, rows: readonly StoredRow[]): Promise<(string | undefined)[]> {
  try {
    return await parts.index.findFaults(parts.stream.ordinal, rows)
  } catch (error) {
    if (!hasCode(error, 'ERR_STORE_CORRUPT', 'ERR_STORE_IO')) throw error
    return rows.map(() => error.message)
  }
}

/** Yields all readable entries of a stream before `end`, in order. */
async function* allEntries(writer: CommitWriter, ordinal: number, end: number): AsyncGenerator<DatabaseEntry[]> {
  const lt = streamKey(ordinal, end, COMMIT)
  let next: Uint8Array = streamKey(ordinal, 0, COMMIT)
  try {
    for await (const entries of writer.log.entries({ gte: next, lt, batchBytes: 1024 * 1024 })) {
      yield entries
      next = Buffer.concat([entries.at(-1)![0], Buffer.alloc(1)])
    }
    return
  } catch (error) {
    if (!hasCode(error, 'ERR_STORE_CORRUPT', 'ERR_STORE_IO')) throw error
  }
  // LevelDB skips unreadable blocks, reports that only at the end, and then withholds its last
  // entries.
  for (let seq = readStreamKey(next).seq; seq < end; seq++) {
    for (const kind of [COMMIT, NODE]) {
      const key = streamKey(ordinal, seq, kind)
      if (Buffer.compare(key, next) < 0) continue
      const value = await readable(writer, key)
      if (value !== undefined) yield [[key, value]]
    }
  }
}

async function readable(writer: CommitWriter, key: Uint8Array): Promise<Uint8Array | undefined> {
  try {
    return await writer.log.get(key)
  } catch (error) {
    if (hasCode(error, 'ERR_STORE_CORRUPT', 'ERR_STORE_IO')) return undefined
    throw error
  }
}

/** A set of integers from 0 to `length` − 1. */
class BitSet {
  readonly #words: Uint32Array

  constructor(length: number) {
    this.#words = new Uint32Array(Math.ceil(length / 32))
  }

  add(at: number): void {
    this.#words[at >>> 5]! |= 1 << (at & 31)
  }

  has(at: number): boolean {
    return (this.#words[at >>> 5]! & (1 << (at & 31))) !== 0
  }
}
