// Recovers one stream when a store opens. It reads the log from the last commit that is known to be
// in table files, checks it commit by commit, and adds to index/ what is missing there. A lost
// write-ahead log cannot have affected anything older, so the cost is proportional to the memory
// tables, not to the log. If index/ has more than the log, the log has lost acknowledged data, and
// the store does not open.
// Spec: protocol/store.md, T17 to T20.

import { type Digest, equals } from '../../base/bytes.ts'
import { hasCode } from '../../base/errors.ts'
import { Heads } from '../heads.ts'
import type { StoredRow } from '../row.ts'
import { corruptionError } from '../validate.ts'
import { type CommitWriter, putTail } from './commit-writer.ts'
import { Batch, type DatabaseEntry } from './database.ts'
import { putHeads } from './frontier-log.ts'
import {
  COMMIT,
  decodeTail,
  indexKey,
  indexRange,
  lastCommit,
  readNumber32,
  readStreamKey,
  streamKey,
  type Tail,
} from './keys.ts'
import type { NodeIndex } from './node-index.ts'
import { StreamCheck } from './stream-check.ts'

/** A stream to recover. */
export interface StreamParts {
  readonly writer: CommitWriter
  readonly index: NodeIndex
  readonly ordinal: number
  readonly name: string
  /** `previous` of the first commit. */
  readonly genesis: Digest
}

/** A stream after recovery. */
export interface RecoveredStream {
  readonly tail: Tail
  readonly heads: Heads
  /** The tail in index/ before recovery; undefined if there was none. */
  readonly indexed: Tail | undefined
}

/** Rows looked up in the index at a time. */
const rowsPerBatch = 256

/** Advice for a damaged index. */
export const rebuildHint = 'the index is derived data: remove the folder index/, and the next open rebuilds it'

/** Checks a stream and completes its index. @throws ReplicaError ERR_STORE_CORRUPT, ERR_STORE_IO */
export async function recoverStream(parts: StreamParts): Promise<RecoveredStream> {
  return new Recovery(parts, await readTail(parts), await readHeads(parts)).run()
}

/**
 * Returns the apparent state of a stream without a check, so that `verify` can report its faults.
 * Writes nothing.
 */
export async function inspectStream(parts: StreamParts): Promise<RecoveredStream> {
  const { writer, ordinal, genesis } = parts
  const indexed = await readTail(parts)
  const heads = await readHeads(parts)
  const range = { gte: streamKey(ordinal, 0, COMMIT), lt: streamKey(ordinal + 1, 0, COMMIT) }
  let end = indexed?.end ?? 0
  try {
    for await (const [entry] of writer.log.entries({ ...range, reverse: true, limit: 1, keysOnly: true })) {
      if (entry !== undefined) end = Math.max(end, readStreamKey(entry[0]).seq + 1)
    }
  } catch (error) {
    // If the end cannot be read, the end in index/ counts; `verify` finds the damage.
    if (!hasCode(error, 'ERR_STORE_CORRUPT')) throw error
  }
  return { tail: { ...(indexed ?? emptyTail(genesis)), end }, heads, indexed }
}

/** Returns the tail of a stream without commits. */
export function emptyTail(genesis: Digest): Tail {
  const heads = { count: 0, sum: new Uint8Array(32) }
  return { commits: 0, end: 0, last: 0, link: genesis, events: 0, heads, checkpoint: undefined }
}

async function readTail({ writer, ordinal, name }: StreamParts): Promise<Tail | undefined> {
  const key = indexKey('c', ordinal)
  const stored = await writer.index.get(key)
  if (stored === undefined) return undefined
  const tail = decodeTail(key, stored)
  if (tail === undefined)
    throw corruptionError(`the index of ${label(name)} is damaged; ${rebuildHint}`, { frontier: name })
  return tail
}

/** Returns the heads of a stream in index/. @throws ReplicaError ERR_STORE_CORRUPT */
export async function readHeads({ writer, ordinal }: Pick<StreamParts, 'writer' | 'ordinal'>): Promise<Heads> {
  const heads = new Heads()
  for await (const entries of writer.index.entries(indexRange('h', ordinal))) {
    const added = entries.map(([key, digest]) => ({ seq: readNumber32(key, 5), digest }))
    if (added.some(({ digest }) => digest.length !== 32))
      throw corruptionError(`a head in the index is damaged; ${rebuildHint}`)
    heads.apply({ removed: [], added })
  }
  return heads
}

class Recovery {
  readonly #parts: StreamParts
  readonly #indexed: Tail | undefined
  /** Heads in index/, and heads as recomputed so far. */
  readonly #stored: Heads
  readonly #heads: Heads
  readonly #from: Tail
  #events: number
  #headsCompared = false
  #written = false

  constructor(parts: StreamParts, indexed: Tail | undefined, stored: Heads) {
    this.#parts = parts
    this.#indexed = indexed
    this.#stored = stored
    this.#from = indexed ?? emptyTail(parts.genesis)
    this.#events = this.#from.events
    this.#heads = new Heads()
    // Entries in index/ without a tail come from an interrupted rebuild, which starts again.
    if (indexed !== undefined) this.#heads.apply({ removed: [], added: [...stored] })
  }

  async run(): Promise<RecoveredStream> {
    const { writer, ordinal, name, genesis } = this.#parts
    const { checkpoint } = this.#from
    const check = new StreamCheck({
      name,
      start: checkpoint === undefined ? { genesis } : { commit: checkpoint },
      onFault: ({ seq = 0, reason }) => {
        throw corruptionError(`${label(name)} at ${seq}: ${reason}`, { frontier: name, seq })
      },
      onCommit: ({ number, link }) => {
        if (number === this.#from.commits - 1 && !equals(link, this.#from.link)) throw this.#diverged()
      },
    })
    const range = { gte: streamKey(ordinal, checkpoint?.first ?? 0, COMMIT), lt: streamKey(ordinal + 1, 0, COMMIT) }
    for await (const entries of writer.log.entries({ ...range, batchBytes: 1024 * 1024 }))
      await this.#checkEntries(check, entries)
    const found = check.finish(this.#from.end)
    if (found.commits < this.#from.commits) throw this.#diverged()
    this.#compareHeads()
    const heads = { count: this.#heads.count, sum: this.#heads.sum }
    const tail = await this.#writeTail({ ...found, events: this.#events, heads, checkpoint })
    return { tail, heads: this.#heads, indexed: this.#indexed }
  }

  async #checkEntries(check: StreamCheck, entries: readonly DatabaseEntry[]): Promise<void> {
    const rows: StoredRow[] = []
    for (const [key, value] of entries) {
      const { seq, kind } = readStreamKey(key)
      const row = check.add(seq, kind, value)
      if (row !== undefined) rows.push(row)
    }
    for (let at = 0; at < rows.length; at += rowsPerBatch) await this.#reindex(rows.slice(at, at + rowsPerBatch))
  }

  /**
   * Adds the missing entries of these rows to index/, whether they were never written or were lost.
   */
  async #reindex(rows: readonly StoredRow[]): Promise<void> {
    const { writer, index, ordinal } = this.#parts
    const batch = new Batch()
    const known = rows.filter(row => row.seq < this.#from.end)
    const fresh = rows.slice(known.length)
    const faults = await index.findFaults(ordinal, known)
    const lost = known.filter((_, at) => faults[at] !== undefined)
    if (lost.length > 0) await index.plan(ordinal, lost, batch)
    this.#applyHeads(known)
    if (fresh.length > 0) {
      this.#compareHeads()
      this.#events += await index.plan(ordinal, fresh, batch)
      this.#applyHeads(fresh)
    }
    if (batch.bytes === 0) return
    await writer.write(writer.index, batch, { sync: false })
    this.#written = true
  }

  #applyHeads(rows: readonly StoredRow[]): void {
    for (const { seq, digest, parents } of rows) this.#heads.apply({ removed: parents, added: [{ seq, digest }] })
  }

  /** At the end of the indexed part, the recomputed heads must match the stored checksum. */
  #compareHeads(): void {
    if (this.#headsCompared) return
    this.#headsCompared = true
    const { count, sum } = this.#from.heads
    if (this.#heads.count === count && equals(this.#heads.sum, sum)) return
    const { name } = this.#parts
    throw corruptionError(`the heads of ${label(name)} do not match their checksum; ${rebuildHint}`, {
      frontier: name,
    })
  }

  /**
   * Writes heads and tail together. Writes a new checkpoint only after everything before it is in
   * table files.
   */
  async #writeTail(found: Tail): Promise<Tail> {
    const { writer, ordinal } = this.#parts
    const batch = new Batch()
    const added = [...this.#heads].filter(({ seq }) => !this.#stored.has(seq))
    const removed = [...this.#stored].filter(({ seq }) => !this.#heads.has(seq)).map(({ seq }) => seq)
    putHeads(batch, ordinal, { added, removed })
    if (this.#written || batch.bytes > 0 || this.#indexed === undefined) {
      putTail(batch, ordinal, found)
      await writer.write(writer.index, batch, { sync: false })
      await writer.index.flush()
    }
    // The open of LevelDB has moved the content of the write-ahead log into table files.
    const tail = { ...found, checkpoint: lastCommit(found) }
    if (tail.checkpoint?.number === found.checkpoint?.number) return tail
    const last = new Batch()
    putTail(last, ordinal, tail)
    await writer.write(writer.index, last, { sync: false })
    return tail
  }

  #diverged(): Error {
    const { name } = this.#parts
    const reason = `index/ has commits of ${label(name)} that log/ does not have: acknowledged data is lost`
    return corruptionError(reason, { frontier: name, seq: this.#from.end })
  }
}

function label(name: string): string {
  return name === '' ? "the store's own records" : name
}
