// Reads a log for an import: text by text, with the id of each event checked, some hundred at a
// time. A bad event is listed with its index and reason and left out. Counts read and refused
// events.

import { type ErrorCode, hasCode } from '../../base/errors.ts'
import { importEvent } from '../../event/event.ts'
import type { PreparedEvent } from '../node-builder.ts'

/** Events of one chunk, and the bytes of text at which a chunk has fewer. */
export const CHUNK = 512
const CHUNK_BYTES = 4 * 1024 * 1024
const LISTED_MAX = 1000

/** An event that an import left out. */
export interface ImportFault {
  readonly index: number
  readonly id?: string
  readonly code: ErrorCode
  readonly reason: string
}

/** The result of an import. */
export interface ImportReport {
  readonly frontier: string
  readonly read: number
  readonly added: number
  readonly known: number
  /** Events that were left out; at most 1,000 are listed, `refusedCount` counts all. */
  readonly refused: readonly ImportFault[]
  readonly refusedCount: number
  /**
   * Fields that Vela's event does not have, dropped as in Vela's own reader; at most 1,000 are
   * listed.
   */
  readonly dropped: readonly { index: number; fields: readonly string[] }[]
}

/** How to import a log. */
export interface ImportOptions {
  /** Import nothing if one event is bad. */
  readonly strict?: boolean
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: ImportProgress) => void
}

/** Progress of an import, in events. */
export interface ImportProgress {
  readonly read: number
  /** Events that are well formed and have the id of their content. */
  readonly verified: number
  /** Durable nodes made of them. */
  readonly durable: number
}

/** Returns the texts of single events in the log's order. Called once, or twice with `strict`. */
export type LogReader = () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>

export interface LogEntry extends PreparedEvent {
  readonly index: number
}

export class ImportReader {
  read = 0
  verified = 0
  refusedCount = 0
  readonly refused: ImportFault[] = []
  readonly dropped: { index: number; fields: readonly string[] }[] = []
  readonly #log: LogReader

  constructor(log: LogReader) {
    this.#log = log
  }

  /**
   * Yields chunks of readable events. `beforeEach` may throw to stop, and is awaited only if it
   * returns a promise.
   */
  async *chunks(beforeEach: () => Promise<void> | undefined): AsyncGenerator<LogEntry[]> {
    let chunk: LogEntry[] = []
    let bytes = 0
    for await (const text of this.#log()) {
      const pause = beforeEach()
      if (pause !== undefined) await pause
      const entry = this.#ready(text)
      if (entry === undefined) continue
      chunk.push(entry)
      bytes += entry.text.length
      if (chunk.length < CHUNK && bytes < CHUNK_BYTES) continue
      yield chunk
      chunk = []
      bytes = 0
    }
    if (chunk.length > 0) yield chunk
  }

  #ready(text: Uint8Array): LogEntry | undefined {
    const index = this.read
    this.read += 1
    try {
      const event = importEvent(text)
      this.verified += 1
      const { dropped: fields } = event
      if (fields.length > 0 && this.dropped.length < LISTED_MAX) this.dropped.push({ index, fields })
      return { index, ...event, links: [] }
    } catch (error) {
      if (!hasCode(error)) throw error
      this.refuse({ index }, error.code, error.message)
      return undefined
    }
  }

  refuse(entry: { index: number; head?: { id: string } }, code: ErrorCode, reason: string): void {
    this.refusedCount += 1
    if (this.refused.length >= LISTED_MAX) return
    const id = entry.head === undefined ? {} : { id: entry.head.id }
    this.refused.push({ index: entry.index, ...id, code, reason })
  }

  /** Returns the report. */
  report(frontier: string, { added, known }: { added: number; known: number }): ImportReport {
    const { read, refused, refusedCount, dropped } = this
    return { frontier, read, added, known, refused, refusedCount, dropped }
  }
}
