// Imports a log of events: reads each event, checks its id, builds nodes in order, and admits them
// in chunks. While one chunk is read, the previous one is signed and the one before that is
// written. With `strict`, one bad event keeps everything out. A second import adds nothing.

import { DigestSet } from '../../base/bytes.ts'
import { hasCode } from '../../base/errors.ts'
import { abortError } from '../../base/signal.ts'
import type { DocumentLink } from '../../node/schema.ts'
import type { Frontier } from '../frontier.ts'
import { type Author, NodeBuilder, type PreparedEvent } from '../node-builder.ts'
import { dryRunImport } from './dry-run.ts'
import {
  CHUNK,
  type ImportOptions,
  ImportReader,
  type ImportReport,
  type LogEntry,
  type LogReader,
} from './import-reader.ts'
import { ParentQueue } from './parent-queue.ts'

/** Documents that are imported with a log (projection/files/import-file.ts). */
export interface Attachments {
  /** Called before the first node is built. */
  begin(): Promise<void>
  /** Returns the links of the node of this event. */
  linksOf(event: PreparedEvent): readonly DocumentLink[]
  /** Called when a node with these links was built. */
  made(links: readonly DocumentLink[]): void
  /** Returns further events that carry the remaining links. Called after the last event. */
  rest(): Iterable<PreparedEvent>
}

export interface ImportParts {
  readonly frontier: Frontier
  readonly author: Author
  readonly log: LogReader
  readonly attachments?: Attachments
}

export async function importLog(parts: ImportParts, options: ImportOptions = {}): Promise<ImportReport> {
  if (options.strict) {
    const rehearsal = await dryRunImport(parts, options)
    if (rehearsal.refusedCount > 0) return rehearsal
  }
  const run = new Import(parts, options)
  try {
    await run.run()
  } finally {
    await run.end()
  }
  return run.report()
}

class Import {
  readonly #frontier: Frontier
  readonly #builder: NodeBuilder
  readonly #reading: ImportReader
  readonly #attachments: Attachments | undefined
  readonly #options: ImportOptions
  readonly #waiting = new ParentQueue<LogEntry>()
  #added = 0
  #known = 0

  constructor({ frontier, author, log, attachments }: ImportParts, options: ImportOptions) {
    this.#frontier = frontier
    this.#builder = new NodeBuilder(frontier, author)
    this.#reading = new ImportReader(log)
    this.#attachments = attachments
    this.#options = options
  }

  report(): ImportReport {
    return this.#reading.report(this.#frontier.log.name, { added: this.#added, known: this.#known })
  }

  async run(): Promise<void> {
    await this.#attachments?.begin()
    // The nodes of a chunk are admitted while the next chunk is read.
    for await (const chunk of this.#reading.chunks(() => this.#stopIfAborted())) await this.#makeAll(chunk)
    await this.#settle()
    for (const event of this.#attachments?.rest() ?? []) {
      await this.#builder.build(event)
      this.#attachments?.made(event.links)
    }
    await this.#builder.drain()
  }

  /** If the log fails, nodes that were built become durable first, if the store allows it. */
  async end(): Promise<void> {
    await this.#builder.drain().catch(() => {})
    await this.#builder.close()
  }

  async #makeAll(entries: readonly LogEntry[]): Promise<void> {
    const known = await this.#builder.known(entries)
    if (entries.every(entry => this.#isPlain(entry))) return this.#chainAll(entries, known)
    // An event may occur twice in a chunk: the second is known once the first is built.
    const made = new DigestSet()
    for (const [i, entry] of entries.entries()) {
      if (known[i] || made.has(entry.digest)) this.#known += 1
      else {
        const outcome = await this.#make(entry)
        if (outcome === 'made') made.add(entry.digest)
        if (outcome === 'waits') this.#waiting.add(entry)
      }
    }
    await this.#flush()
  }

  /**
   * Returns whether the event names no parents and links nothing. Its node then follows the
   * previous one.
   */
  #isPlain(entry: LogEntry): boolean {
    return entry.head.parents === undefined && (this.#attachments?.linksOf(entry) ?? []).length === 0
  }

  async #chainAll(entries: readonly LogEntry[], known: readonly boolean[]): Promise<void> {
    const once = new DigestSet()
    const fresh = entries.filter(({ digest }, i) => !known[i] && once.add(digest))
    this.#known += entries.length - fresh.length
    this.#added += fresh.length
    if (fresh.length > 0) await this.#builder.appendToHeads(fresh)
    this.#tell()
  }

  async #flush(): Promise<void> {
    await this.#builder.flush()
    this.#tell()
  }

  #tell(): void {
    const { read, verified } = this.#reading
    this.#options.onProgress?.({ read, verified, durable: this.#builder.durable })
  }

  async #make(entry: LogEntry): Promise<'made' | 'waits' | 'refused'> {
    try {
      const links = this.#attachments?.linksOf(entry) ?? []
      if ((await this.#builder.build({ ...entry, links })) === undefined) return 'waits'
      this.#attachments?.made(links)
      this.#added += 1
      return 'made'
    } catch (error) {
      if (!hasCode(error, 'ERR_EVENT_PARENT', 'ERR_NODE_SIZE')) throw error
      this.#reading.refuse(entry, error.code, error.message)
      return 'refused'
    }
  }

  /** Builds events that came before their parents, once all of these have nodes. */
  async #settle(): Promise<void> {
    let free = await this.#waiting.sort(id => this.#builder.has(id))
    while (free.length > 0) {
      await this.#stopIfAborted()
      const next: LogEntry[] = []
      for (let from = 0; from < free.length; from += CHUNK) {
        for (const entry of await this.#makeFree(free.slice(from, from + CHUNK))) next.push(entry)
      }
      free = next
    }
    for (const entry of this.#waiting.rest()) this.#reading.refuse(entry, 'ERR_EVENT_PARENT', lackOf(entry))
  }

  /** Builds events whose parents have nodes. Returns the events that waited for them only. */
  async #makeFree(entries: readonly LogEntry[]): Promise<LogEntry[]> {
    const known = await this.#builder.known(entries)
    const next: LogEntry[] = []
    for (const [i, entry] of entries.entries()) {
      const outcome = known[i] || this.#builder.made(entry) ? 'known' : await this.#make(entry)
      if (outcome === 'known') this.#known += 1
      if (outcome === 'waits') this.#reading.refuse(entry, 'ERR_EVENT_PARENT', lackOf(entry))
      if (outcome === 'waits' || outcome === 'refused') continue
      for (const child of this.#waiting.release(entry.head.id)) next.push(child)
    }
    // In a chain each round has one event. They still share a commit.
    if (this.#builder.pending >= CHUNK) await this.#flush()
    return next
  }

  #stopIfAborted(): Promise<never> | undefined {
    const { signal } = this.#options
    return signal?.aborted ? this.#stop(signal) : undefined
  }

  /** Makes durable what was built, so that the error can state its size. */
  async #stop(signal: AbortSignal): Promise<never> {
    await this.#builder.drain()
    const { read } = this.#reading
    throw abortError(signal, `import aborted: events read ${read}, added and durable ${this.#added}`)
  }
}

function lackOf({ head }: LogEntry): string {
  return `has a parent that is neither in the store nor in the log: ${head.parents?.join(', ')}`
}
