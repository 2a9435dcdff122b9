// Reading a log that is to be imported: text by text, each event checked against its id, some hundred at a time. A bad one is
// named with its index and reason and left out. What was read and refused is counted here, for whoever goes on with the rest.

import { type ErrorCode, hasCode } from '../../base/errors.ts'
import { importEvent } from '../../event/event.ts'
import type { PreparedEvent } from '../node-builder.ts'

/** Events that are made nodes of together, and the bytes of text at which fewer are. */
export const CHUNK = 512
const CHUNK_BYTES = 4 * 1024 * 1024
const LISTED_MAX = 1000

export interface ImportFault {
  readonly index: number
  readonly id?: string
  readonly code: ErrorCode
  readonly reason: string
}

export interface ImportReport {
  readonly frontier: string
  readonly read: number
  readonly added: number
  readonly known: number
  /** Events left out, at most 1,000 of them listed; `refusedCount` counts all. */
  readonly refused: readonly ImportFault[]
  readonly refusedCount: number
  /** Fields that Vela's event has not, dropped as Vela's own reader drops them; at most 1,000 listed. */
  readonly dropped: readonly { index: number; fields: readonly string[] }[]
}

export interface ImportOptions {
  /** One bad event keeps everything out. */
  readonly strict?: boolean
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: ImportProgress) => void
}

/** How far an import is; counts of events. */
export interface ImportProgress {
  readonly read: number
  /** Of these, what is an event and has the id of its content. */
  readonly verified: number
  /** Nodes made of them that are durable. */
  readonly durable: number
}

/** Texts of single events, in the log's order. Called once, or twice with `strict`. */
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

  /** The events that can be read. `beforeEach` may end it by throwing; it is waited for only where it answers something. */
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

  /** What became of the log, when so many of its events were made nodes and so many were known. */
  report(frontier: string, { added, known }: { added: number; known: number }): ImportReport {
    const { read, refused, refusedCount, dropped } = this
    return { frontier, read, added, known, refused, refusedCount, dropped }
  }
}
