// An open LevelDB store: its streams, records, held nodes and documents. open-store.ts opens the
// databases, commit-writer.ts writes commits, and recovery.ts recovers a stream at the open.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { type Digest, utf8 } from '../../base/bytes.ts'
import { hasCode } from '../../base/errors.ts'
import { seal, unseal } from '../checksum.ts'
import { genesisLink } from '../commit-record.ts'
import type { HeldLimits } from '../quota.ts'
import type { Fault, FrontierStore, HeldStore, Records, Store } from '../store.ts'
import type { StoreHealth } from '../store-health.ts'
import { checkStreamName, corruptionError, unknownFrontier } from '../validate.ts'
import { CommitWriter, Stream } from './commit-writer.ts'
import { Batch, type Database } from './database.ts'
import { LevelDbDocuments } from './document-store.ts'
import { LevelDbFrontierStore } from './frontier-log.ts'
import type { FolderGuard } from './guard/folder-guard.ts'
import { StoreWatch } from './guard/store-watch.ts'
import { LevelDbHeldStore } from './held-store.ts'
import { FIRST_FRONTIER, LOG_END, NAMES_END, nameKey, readStreamKey, STORE_STREAM, streamKey } from './keys.ts'
import { NodeIndex } from './node-index.ts'
import { LevelDbRecords, trackDigest } from './records.ts'
import { inspectStream, type RecoveredStream, readHeads, recoverStream } from './recovery.ts'
import { type StreamVerifyOptions, type VerifyParts, verifyStream } from './stream-verify.ts'
import { TextIndex } from './text-index.ts'

/** Parts of a LevelDB store. */
export interface StoreParts {
  readonly id: Uint8Array
  readonly log: Database
  readonly index: Database
  readonly held: Database
  readonly documents: Database
  readonly heldLimits: HeldLimits
  /**
   * `strict`: a damaged store does not open. `report`: it opens for reading, and `verify` reports
   * the damage.
   */
  readonly check: 'strict' | 'report'
  readonly health: StoreHealth
  readonly guard: FolderGuard
  /** Called after the databases are closed. */
  readonly onClosed: () => void
}

/** A stream after recovery. */
interface OpenStream {
  readonly stream: Stream
  readonly recovered: RecoveredStream
  readonly genesis: Digest
}

type OpenFrontier = OpenStream & { readonly handle: LevelDbFrontierStore }

/** The LevelDB engine. */
export class LevelDbStore implements Store {
  readonly id: Uint8Array
  readonly #parts: StoreParts
  readonly #writer: CommitWriter
  readonly #index: NodeIndex
  readonly #storeStream: OpenStream
  readonly #records: LevelDbRecords
  readonly #held: LevelDbHeldStore
  readonly #documents: LevelDbDocuments
  readonly #watch: StoreWatch
  readonly #frontiers = new Map<string, OpenFrontier>()
  /** Faults of the open that `verify` would not find again. */
  readonly #faults: Fault[] = []

  /** Loads a store from open databases. @throws ReplicaError ERR_STORE_CORRUPT, ERR_STORE_IO */
  static async load(parts: StoreParts): Promise<LevelDbStore> {
    const { health, guard: folder } = parts
    const writer = new CommitWriter(parts.log, parts.index, { health, folder })
    const index = new NodeIndex(parts.index)
    const own = await openStream(parts, { writer, index, ordinal: STORE_STREAM, name: '' })
    const store = new LevelDbStore(parts, { writer, index, own })
    await store.#load()
    if (parts.check === 'report')
      health.refuse({ cause: 'check', error: corruptionError('the store was opened for a check, not for writing') })
    store.#watch.start()
    return store
  }

  private constructor(parts: StoreParts, opened: { writer: CommitWriter; index: NodeIndex; own: OpenStream }) {
    const { writer, index, own } = opened
    this.id = parts.id
    this.#parts = parts
    this.#writer = writer
    this.#index = index
    this.#storeStream = own
    this.#records = new LevelDbRecords(writer, own.stream)
    const ordinalOf = (name: string) => this.#openFrontier(name).stream.ordinal
    this.#documents = new LevelDbDocuments(parts.documents, writer)
    this.#watch = new StoreWatch(parts)
    this.#held = new LevelDbHeldStore({ database: parts.held, writer, limits: parts.heldLimits, ordinalOf })
  }

  get health(): StoreHealth {
    return this.#parts.health
  }

  get records(): Records {
    return this.#records
  }

  get held(): HeldStore {
    return this.#held
  }

  frontiers(): string[] {
    return [...this.#frontiers.keys()].sort()
  }

  frontier(name: string): FrontierStore {
    return this.#openFrontier(name).handle
  }

  async track(name: string): Promise<FrontierStore> {
    checkStreamName(name)
    return this.#writer.mutex.run(async () => {
      const known = this.#frontiers.get(name)
      if (known !== undefined) return known.handle
      this.#writer.assertWritable()
      const ordinal = FIRST_FRONTIER + this.#frontiers.size
      const log = new Batch()
      const key = nameKey(ordinal)
      log.put(key, seal(key, utf8(name)))
      await this.#records.append(trackDigest(key, utf8(name)), log)
      return await this.#add(await openStream(this.#parts, { writer: this.#writer, index: this.#index, ordinal, name }))
    })
  }

  async *verify(options: { signal?: AbortSignal; onProgress?: (nodes: number) => void } = {}): AsyncIterable<Fault> {
    yield* this.#faults
    yield* errorsAsFaults('record', await this.#writer.mutex.run(async () => this.#records.verify()))
    let nodes = 0
    const onRows = (count: number) => {
      nodes += count
      options.onProgress?.(nodes)
    }
    for (const opened of [this.#storeStream, ...this.#frontiers.values()]) {
      yield* errorsAsFaults('index', this.#verifyStream(opened, { signal: options.signal, onRows }))
    }
    for (const name of this.frontiers()) {
      yield* errorsAsFaults('held', this.#held.verify(name))
      const documents = { frontier: name, ordinal: this.#openFrontier(name).stream.ordinal, signal: options.signal }
      yield* errorsAsFaults('document', this.#documents.verify(documents))
    }
  }

  async diskBytes(): Promise<number> {
    this.#writer.mutex.assertOpen()
    const { guard, log, index, held, documents } = this.#parts
    const sizes = [log, index, held, documents].map(database => folderBytes(database.path))
    const all = await Promise.all([...sizes, fileBytes(path.join(guard.path, 'store.json'))])
    return all.reduce((sum, bytes) => sum + bytes, 0)
  }

  close(): Promise<void> {
    return this.#writer.mutex.close(async () => {
      const { log, index, held, documents, onClosed } = this.#parts
      this.#watch.stop()
      await Promise.all([this.#held.close(), this.#documents.close()])
      try {
        // Acknowledged data is durable without this. The flush saves the next open the check of the
        // write-ahead log.
        if (this.#writer.writable)
          await this.#writer.flush([this.#storeStream, ...this.#frontiers.values()].map(({ stream }) => stream))
      } catch (error) {
        if (!hasCode(error, 'ERR_STORE_IO')) throw error
      } finally {
        await Promise.all([log, index, held, documents].map(database => database.close())).finally(onClosed)
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #load(): Promise<void> {
    await this.#loadPart(() => this.#records.load())
    await this.#loadPart(() => this.#loadFrontiers())
    await this.#held.load(this.frontiers())
    const { loss } = this.#held
    if (loss !== undefined) this.#faults.push({ kind: 'held', reason: loss })
  }

  async #loadFrontiers(): Promise<void> {
    const { log } = this.#parts
    let ordinal = FIRST_FRONTIER
    for await (const entries of log.entries({ gte: nameKey(0), lt: NAMES_END })) {
      for (const [key, value] of entries) {
        const name = unseal(key, value)?.toString('latin1')
        if (name === undefined || Buffer.compare(key, nameKey(ordinal)) !== 0) {
          this.#reportCorruption(`the name of stream ${ordinal} is missing or damaged`)
        } else {
          await this.#add(await openStream(this.#parts, { writer: this.#writer, index: this.#index, ordinal, name }))
        }
        ordinal++
      }
    }
    const beyond = { gte: streamKey(ordinal, 0, 0), lt: LOG_END, limit: 1, keysOnly: true }
    for await (const [entry] of log.entries(beyond)) {
      if (entry !== undefined)
        this.#reportCorruption(`the name of stream ${readStreamKey(entry[0]).ordinal} is missing`)
    }
  }

  /** Loads a part of the store. In report mode, damage becomes a fault, and the open continues. */
  async #loadPart(part: () => Promise<void>): Promise<void> {
    try {
      await part()
    } catch (error) {
      if (this.#parts.check === 'strict' || !hasCode(error, 'ERR_STORE_CORRUPT')) throw error
      this.#faults.push({ kind: 'commit', reason: error.message })
    }
  }

  #reportCorruption(reason: string): void {
    if (this.#parts.check === 'strict') throw corruptionError(reason)
    this.#faults.push({ kind: 'commit', reason })
  }

  async #add(opened: OpenStream): Promise<LevelDbFrontierStore> {
    const { stream, recovered } = opened
    const documents = this.#documents.of(stream.ordinal)
    if (stream.tail.end === 0) this.#index.noteEmpty(stream.ordinal)
    const parts = { writer: this.#writer, index: this.#index, records: this.#records, stream, heads: recovered.heads }
    const texts = new TextIndex(this.#writer, stream)
    await texts.load()
    const handle = new LevelDbFrontierStore({ ...parts, documents, texts })
    this.#frontiers.set(stream.name, { ...opened, handle })
    return handle
  }

  #openFrontier(name: string): OpenFrontier {
    const opened = this.#frontiers.get(name)
    if (opened === undefined) throw unknownFrontier(name)
    return opened
  }

  async *#verifyStream(opened: OpenStream, options: StreamVerifyOptions): AsyncIterable<Fault> {
    yield* verifyStream(await this.#writer.mutex.run(() => this.#capture(opened)), options)
  }

  /** Returns the current state of a stream. Runs inside the mutex, so between two commits. */
  async #capture({ stream, recovered, genesis }: OpenStream): Promise<VerifyParts> {
    const { tail } = stream
    return {
      writer: this.#writer,
      index: this.#index,
      stream,
      genesis,
      tail,
      indexed: this.#parts.check === 'report' ? recovered.indexed : tail,
      heads: new Map([...recovered.heads].map(({ seq, digest }) => [seq, digest])),
      storedHeads: await readHeads({ writer: this.#writer, ordinal: stream.ordinal }),
    }
  }
}

/** Yields `faults`. An error of a read becomes a fault and ends only this part of the check. */
async function* errorsAsFaults(kind: Fault['kind'], faults: AsyncIterable<Fault>): AsyncIterable<Fault> {
  try {
    yield* faults
  } catch (error) {
    if (!hasCode(error, 'ERR_STORE_CORRUPT', 'ERR_STORE_IO')) throw error
    yield { kind, reason: error.message }
  }
}

async function openStream(
  store: StoreParts,
  position: { writer: CommitWriter; index: NodeIndex; ordinal: number; name: string },
): Promise<OpenStream> {
  const genesis = genesisLink(store.id, position.ordinal, position.name)
  const stream = { ...position, genesis }
  const recovered = await (store.check === 'strict' ? recoverStream(stream) : inspectStream(stream))
  return { stream: new Stream(position.ordinal, position.name, recovered.tail), recovered, genesis }
}

async function folderBytes(folder: string): Promise<number> {
  const sizes = (await fs.readdir(folder)).map(name => fileBytes(path.join(folder, name)))
  return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0)
}

/** Returns 0 if LevelDB has just removed the file. */
async function fileBytes(file: string): Promise<number> {
  try {
    return (await fs.stat(file)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}
