// Importing a log of events: read each, check its id against its content, build nodes in order, admit them in chunks. While
// one chunk is read, the one before is signed and the one before that is written. A bad event is named with its index and reason and left out; with `strict` one bad event
// keeps everything out. Importing twice adds nothing.

import { DigestSet, toHex } from '../bytes.ts'
import type { Link } from '../codec/node-form.ts'
import { type ErrorCode, hasCode, ReplicaError } from '../errors.ts'
import { NODE_LIMITS } from '../limits.ts'
import type { Key } from '../trust/key.ts'
import { type EventHead, importEvent } from '../vela/event.ts'
import { Author, type ReadyEvent, tooManyParents } from './authoring.ts'
import type { Frontier } from './frontier.ts'
import { Waiting } from './waiting.ts'

/** Events that are made nodes of together, and the bytes of text at which fewer are. */
const CHUNK = 512
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

interface Entry extends ReadyEvent {
  readonly index: number
}

/** What a rehearsal keeps of an event. */
interface Named {
  readonly index: number
  readonly head: Pick<EventHead, 'id' | 'parents'>
}

/** Texts of single events, in the log's order. Called once, or twice with `strict`. */
export type LogReader = () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/** Documents that go in with a log (import-whole.ts). */
export interface Attachments {
  /** Before the first node is made. */
  begin(): Promise<void>
  /** What the node of this event is to link. */
  linksOf(event: ReadyEvent): readonly Link[]
  /** A node that links these was made. */
  made(links: readonly Link[]): void
  /** After the last event: what else is to be made, to link the rest. */
  rest(): Iterable<ReadyEvent>
}

export interface ImportParts {
  readonly frontier: Frontier
  readonly key: Key
  readonly log: LogReader
  readonly attachments?: Attachments
}

export async function importLog(parts: ImportParts, options: ImportOptions = {}): Promise<ImportReport> {
  if (options.strict) {
    const rehearsal = new Import(parts, options)
    await rehearsal.rehearse()
    if (rehearsal.faults.length > 0) return rehearsal.report()
  }
  const run = new Import(parts, options)
  try {
    await run.run()
  } finally {
    await run.end()
  }
  return run.report()
}

/** What a strict import would refuse. */
export async function rehearseLog(parts: ImportParts, options: ImportOptions): Promise<ImportReport> {
  const rehearsal = new Import(parts, options)
  await rehearsal.rehearse()
  return await rehearsal.report()
}

class Import {
  readonly faults: ImportFault[] = []
  readonly #frontier: Frontier
  readonly #author: Author
  readonly #log: LogReader
  readonly #attachments: Attachments | undefined
  readonly #options: ImportOptions
  readonly #dropped: { index: number; fields: readonly string[] }[] = []
  #read = 0
  #verified = 0
  #added = 0
  #known = 0
  #refused = 0
  readonly #waiting = new Waiting<Entry>()

  constructor(parts: ImportParts, options: ImportOptions) {
    this.#frontier = parts.frontier
    this.#author = new Author(parts.frontier, parts.key)
    this.#log = parts.log
    this.#attachments = parts.attachments
    this.#options = options
  }

  report(): ImportReport {
    return {
      frontier: this.#frontier.log.name,
      read: this.#read,
      added: this.#added,
      known: this.#known,
      refused: this.faults,
      refusedCount: this.#refused,
      dropped: this.#dropped,
    }
  }

  /** Reads everything, builds nothing, keeps no text, and refuses what a run would refuse but for the children of these. */
  async rehearse(): Promise<void> {
    const ids = new Set<string>()
    const fresh: Named[] = []
    for await (const chunk of this.#chunks()) {
      const known = await this.#author.known(chunk)
      for (const [i, { index, head }] of chunk.entries()) {
        ids.add(head.id)
        if (!known[i]) fresh.push({ index, head: { id: head.id, parents: head.parents } })
      }
    }
    for (const event of fresh) await this.#rehearseParents(event, ids)
  }

  /** What Author's `build` would find; the size of a node is in bounds where its event and its parents are. */
  async #rehearseParents(event: Named, ids: ReadonlySet<string>): Promise<void> {
    const names = new Set(event.head.parents)
    const nodes = new Set<string>()
    for (const parent of names) {
      if (names.size <= NODE_LIMITS.parentsMax && ids.has(parent)) continue
      const stored = await this.#author.stored(parent)
      if (stored === undefined && !ids.has(parent)) {
        return this.#refuse(event, 'ERR_EVENT_PARENT', `names the unknown parent ${parent}`)
      }
      nodes.add(stored === undefined ? parent : toHex(stored.digest))
    }
    if (nodes.size > NODE_LIMITS.parentsMax) this.#refuse(event, 'ERR_EVENT_PARENT', tooManyParents(nodes.size))
  }

  async run(): Promise<void> {
    await this.#attachments?.begin()
    // The nodes of a chunk are admitted while the next is read.
    for await (const chunk of this.#chunks()) await this.#makeAll(chunk)
    await this.#settle()
    for (const event of this.#attachments?.rest() ?? []) {
      await this.#author.build(event)
      this.#attachments?.made(event.links)
    }
    await this.#author.settled()
  }

  /** Where the log broke, what was built until then becomes durable first, as far as the store lets it. */
  async end(): Promise<void> {
    await this.#author.settled().catch(() => {})
    await this.#author.close()
  }

  /** The events that can be read, some hundred at a time. */
  async *#chunks(): AsyncGenerator<Entry[]> {
    let chunk: Entry[] = []
    let bytes = 0
    for await (const text of this.#log()) {
      if (this.#options.signal?.aborted) await this.#stop()
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

  #ready(text: Uint8Array): Entry | undefined {
    const index = this.#read
    this.#read += 1
    try {
      const event = importEvent(text)
      this.#verified += 1
      const { dropped } = event
      if (dropped.length > 0 && this.#dropped.length < LISTED_MAX) this.#dropped.push({ index, fields: dropped })
      return { index, ...event, links: [] }
    } catch (error) {
      if (!hasCode(error)) throw error
      this.#refuse({ index }, error.code, error.message)
      return undefined
    }
  }

  #refuse(entry: { index: number; head?: { id: string } }, code: ErrorCode, reason: string): void {
    this.#refused += 1
    if (this.faults.length >= LISTED_MAX) return
    const id = entry.head === undefined ? {} : { id: entry.head.id }
    this.faults.push({ index: entry.index, ...id, code, reason })
  }

  async #makeAll(entries: readonly Entry[]): Promise<void> {
    const known = await this.#author.known(entries)
    if (entries.every(entry => this.#isPlain(entry))) return this.#chainAll(entries, known)
    for (const [i, entry] of entries.entries()) {
      // Within a chunk an event may stand twice: the second is known once the first is built.
      if (known[i] || this.#author.made(entry)) this.#known += 1
      else if ((await this.#make(entry)) === 'waits') this.#waiting.add(entry)
    }
    await this.#flush()
  }

  /** Names no parents and is to link nothing: its node stands on the one before. */
  #isPlain(entry: Entry): boolean {
    return entry.head.parents === undefined && (this.#attachments?.linksOf(entry) ?? []).length === 0
  }

  async #chainAll(entries: readonly Entry[], known: readonly boolean[]): Promise<void> {
    const once = new DigestSet()
    const fresh = entries.filter(({ digest }, i) => !known[i] && once.add(digest))
    this.#known += entries.length - fresh.length
    this.#added += fresh.length
    if (fresh.length > 0) await this.#author.chain(fresh)
    this.#tell()
  }

  async #flush(): Promise<void> {
    await this.#author.flush()
    this.#tell()
  }

  #tell(): void {
    this.#options.onProgress?.({ read: this.#read, verified: this.#verified, durable: this.#author.durable })
  }

  async #make(entry: Entry): Promise<'made' | 'waits' | 'refused'> {
    try {
      const links = this.#attachments?.linksOf(entry) ?? []
      if ((await this.#author.build({ ...entry, links })) === undefined) return 'waits'
      this.#attachments?.made(links)
      this.#added += 1
      return 'made'
    } catch (error) {
      if (!hasCode(error, 'ERR_EVENT_PARENT', 'ERR_NODE_SIZE')) throw error
      this.#refuse(entry, error.code, error.message)
      return 'refused'
    }
  }

  /** Events that stood before their parents, each once all of these have their nodes. */
  async #settle(): Promise<void> {
    let free = await this.#waiting.sort(id => this.#author.has(id))
    while (free.length > 0) {
      if (this.#options.signal?.aborted) await this.#stop()
      const next: Entry[] = []
      for (let from = 0; from < free.length; from += CHUNK) {
        for (const entry of await this.#makeFree(free.slice(from, from + CHUNK))) next.push(entry)
      }
      free = next
    }
    for (const entry of this.#waiting.rest()) this.#refuse(entry, 'ERR_EVENT_PARENT', lackOf(entry))
  }

  /** Builds events whose parents have their nodes, and answers those that waited for no more than these. */
  async #makeFree(entries: readonly Entry[]): Promise<Entry[]> {
    const known = await this.#author.known(entries)
    const next: Entry[] = []
    for (const [i, entry] of entries.entries()) {
      const outcome = known[i] || this.#author.made(entry) ? 'known' : await this.#make(entry)
      if (outcome === 'known') this.#known += 1
      if (outcome === 'waits') this.#refuse(entry, 'ERR_EVENT_PARENT', lackOf(entry))
      if (outcome === 'waits' || outcome === 'refused') continue
      for (const child of this.#waiting.release(entry.head.id)) next.push(child)
    }
    // Where one follows the other each round has one: they share a commit all the same.
    if (this.#author.pending >= CHUNK) await this.#flush()
    return next
  }

  /** What was built until then becomes durable, so that it can be said how much that is. */
  async #stop(): Promise<never> {
    await this.#author.settled()
    throw new ReplicaError(
      'ERR_ABORTED',
      `import aborted: ${this.#read} events were read, ${this.#added} are added and durable`,
    )
  }
}

function lackOf({ head }: Entry): string {
  return `names a parent that is neither here nor in the log: ${head.parents?.join(', ')}`
}
