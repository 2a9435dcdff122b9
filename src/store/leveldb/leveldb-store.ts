// A LevelDB store that is open: its streams, records and held nodes, and what reads or ends them all. level.ts finds
// and makes the folders; the rules of what is written are in ledger.ts, those of opening in recovery.ts.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { type Digest, utf8 } from '../../base/bytes.ts'
import { hasCode } from '../../base/errors.ts'
import type { HeldLimits } from '../quota.ts'
import type { Fault, FrontierStore, HeldStore, Records, Store } from '../store.ts'
import { checkStreamName, corruptionError, unknownFrontier } from '../validate.ts'
import { CommitWriter, Stream } from './commit-writer.ts'
import { Batch, type Database } from './database.ts'
import { LevelDbDocuments } from './document-store.ts'
import { LevelDbFrontierStore } from './frontier-log.ts'
import { LevelDbHeldStore } from './held-store.ts'
import {
  behindAll,
  behindNames,
  FIRST_FRONTIER,
  genesisLink,
  nameKey,
  readStreamKey,
  STORE_STREAM,
  seal,
  streamKey,
  unseal,
} from './keys.ts'
import { NodeIndex } from './node-index.ts'
import { LevelDbRecords, trackDigest } from './records.ts'
import { inspectStream, type Recovered, readHeads, recoverStream } from './recovery.ts'
import { type StreamVerifyOptions, type VerifyParts, verifyStream } from './stream-verify.ts'

export interface StoreParts {
  readonly folder: string
  readonly id: Uint8Array
  readonly log: Database
  readonly index: Database
  readonly held: Database
  readonly documents: Database
  readonly heldLimits: HeldLimits
  /** strict: a damaged store does not open; report: it opens for reading and `verify` says what is wrong. */
  readonly check: 'strict' | 'report'
  /** Called when the databases are closed. */
  readonly onClosed: () => void
}

/** A stream as it was found, and its handle when it is a frontier's. */
interface Opened {
  readonly stream: Stream
  readonly recovered: Recovered
  readonly genesis: Digest
}

type OpenedFrontier = Opened & { readonly handle: LevelDbFrontierStore }

export class LevelDbStore implements Store {
  readonly id: Uint8Array
  readonly #parts: StoreParts
  readonly #ledger: CommitWriter
  readonly #index: NodeIndex
  readonly #own: Opened
  readonly #records: LevelDbRecords
  readonly #held: LevelDbHeldStore
  readonly #documents: LevelDbDocuments
  readonly #frontiers = new Map<string, OpenedFrontier>()
  /** What was wrong at open that verify would not come across. */
  readonly #faults: Fault[] = []

  /** @throws ReplicaError ERR_STORE_CORRUPT, ERR_STORE_IO */
  static async load(parts: StoreParts): Promise<LevelDbStore> {
    const ledger = new CommitWriter(parts.log, parts.index)
    const index = new NodeIndex(parts.index)
    const own = await openStream(parts, { ledger, index, ordinal: STORE_STREAM, name: '' })
    const store = new LevelDbStore(parts, { ledger, index, own })
    await store.#load()
    if (parts.check === 'report')
      ledger.refuseWrites(corruptionError('the store was opened to be looked at, not for writing'))
    return store
  }

  private constructor(parts: StoreParts, opened: { ledger: CommitWriter; index: NodeIndex; own: Opened }) {
    const { ledger, index, own } = opened
    this.id = parts.id
    this.#parts = parts
    this.#ledger = ledger
    this.#index = index
    this.#own = own
    this.#records = new LevelDbRecords(ledger, own.stream)
    const ordinalOf = (name: string) => this.#opened(name).stream.ordinal
    this.#documents = new LevelDbDocuments(parts.documents, ledger)
    this.#held = new LevelDbHeldStore({ database: parts.held, ledger, limits: parts.heldLimits, ordinalOf })
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
    return this.#opened(name).handle
  }

  async track(name: string): Promise<FrontierStore> {
    checkStreamName(name)
    return this.#ledger.serial.run(async () => {
      const known = this.#frontiers.get(name)
      if (known !== undefined) return known.handle
      this.#ledger.assertWritable()
      const ordinal = FIRST_FRONTIER + this.#frontiers.size
      const log = new Batch()
      const key = nameKey(ordinal)
      log.put(key, seal(key, utf8(name)))
      await this.#records.append(trackDigest(key, utf8(name)), log)
      return this.#add(await openStream(this.#parts, { ledger: this.#ledger, index: this.#index, ordinal, name }))
    })
  }

  async *verify(options: { signal?: AbortSignal; onProgress?: (nodes: number) => void } = {}): AsyncIterable<Fault> {
    yield* this.#faults
    yield* goOn('record', await this.#ledger.serial.run(async () => this.#records.verify()))
    let nodes = 0
    const onRows = (count: number) => {
      nodes += count
      options.onProgress?.(nodes)
    }
    for (const opened of [this.#own, ...this.#frontiers.values()]) {
      yield* goOn('index', this.#verifyStream(opened, { signal: options.signal, onRows }))
    }
    for (const name of this.frontiers()) {
      yield* goOn('held', this.#held.verify(name))
      const documents = { frontier: name, ordinal: this.#opened(name).stream.ordinal, signal: options.signal }
      yield* goOn('document', this.#documents.verify(documents))
    }
  }

  async diskBytes(): Promise<number> {
    this.#ledger.serial.assertOpen()
    const { folder, log, index, held, documents } = this.#parts
    const sizes = [log, index, held, documents].map(database => folderBytes(database.path))
    const all = await Promise.all([...sizes, fileBytes(path.join(folder, 'store.json'))])
    return all.reduce((sum, bytes) => sum + bytes, 0)
  }

  close(): Promise<void> {
    return this.#ledger.serial.close(async () => {
      const { log, index, held, documents, onClosed } = this.#parts
      await Promise.all([this.#held.close(), this.#documents.close()])
      try {
        // What is acknowledged is durable without this; it spares the next open the check of what lies in the write-ahead log.
        if (this.#ledger.writable)
          await this.#ledger.flush([this.#own, ...this.#frontiers.values()].map(({ stream }) => stream))
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
    await this.#read(() => this.#records.load())
    await this.#read(() => this.#loadFrontiers())
    await this.#held.load(this.frontiers())
    const { loss } = this.#held
    if (loss !== undefined) this.#faults.push({ kind: 'held', reason: loss })
  }

  async #loadFrontiers(): Promise<void> {
    const { log } = this.#parts
    let ordinal = FIRST_FRONTIER
    for await (const entries of log.entries({ gte: nameKey(0), lt: behindNames })) {
      for (const [key, value] of entries) {
        const name = unseal(key, value)?.toString('latin1')
        if (name === undefined || Buffer.compare(key, nameKey(ordinal)) !== 0) {
          this.#doubt(`the name of stream ${ordinal} is missing or damaged`)
        } else {
          this.#add(await openStream(this.#parts, { ledger: this.#ledger, index: this.#index, ordinal, name }))
        }
        ordinal++
      }
    }
    const beyond = { gte: streamKey(ordinal, 0, 0), lt: behindAll, limit: 1, keysOnly: true }
    for await (const [entry] of log.entries(beyond)) {
      if (entry !== undefined) this.#doubt(`the name of stream ${readStreamKey(entry[0]).ordinal} is missing`)
    }
  }

  /** In report mode what can't be read is a fault, and the rest is opened. */
  async #read(part: () => Promise<void>): Promise<void> {
    try {
      await part()
    } catch (error) {
      if (this.#parts.check === 'strict' || !hasCode(error, 'ERR_STORE_CORRUPT')) throw error
      this.#faults.push({ kind: 'commit', reason: error.message })
    }
  }

  #doubt(reason: string): void {
    if (this.#parts.check === 'strict') throw corruptionError(reason)
    this.#faults.push({ kind: 'commit', reason })
  }

  #add(opened: Opened): LevelDbFrontierStore {
    const { stream, recovered } = opened
    const documents = this.#documents.of(stream.ordinal)
    const parts = { ledger: this.#ledger, index: this.#index, records: this.#records, stream, heads: recovered.heads }
    const handle = new LevelDbFrontierStore({ ...parts, documents })
    this.#frontiers.set(stream.name, { ...opened, handle })
    return handle
  }

  #opened(name: string): OpenedFrontier {
    const opened = this.#frontiers.get(name)
    if (opened === undefined) throw unknownFrontier(name)
    return opened
  }

  async *#verifyStream(opened: Opened, options: StreamVerifyOptions): AsyncIterable<Fault> {
    yield* verifyStream(await this.#ledger.serial.run(() => this.#capture(opened)), options)
  }

  /** A stream as it is at this moment; inside of `serial`, so between two commits. */
  async #capture({ stream, recovered, genesis }: Opened): Promise<VerifyParts> {
    const { tail } = stream
    return {
      ledger: this.#ledger,
      index: this.#index,
      stream,
      genesis,
      tail,
      indexed: this.#parts.check === 'report' ? recovered.indexed : tail,
      heads: new Map([...recovered.heads].map(({ seq, digest }) => [seq, digest])),
      storedHeads: await readHeads({ ledger: this.#ledger, ordinal: stream.ordinal }),
    }
  }
}

/** What can't be read is a fault as well, and the end of this part of the search only. */
async function* goOn(kind: Fault['kind'], faults: AsyncIterable<Fault>): AsyncIterable<Fault> {
  try {
    yield* faults
  } catch (error) {
    if (!hasCode(error, 'ERR_STORE_CORRUPT', 'ERR_STORE_IO')) throw error
    yield { kind, reason: error.message }
  }
}

async function openStream(
  store: StoreParts,
  place: { ledger: CommitWriter; index: NodeIndex; ordinal: number; name: string },
): Promise<Opened> {
  const genesis = genesisLink(store.id, place.ordinal, place.name)
  const parts = { ...place, genesis }
  const recovered = await (store.check === 'strict' ? recoverStream(parts) : inspectStream(parts))
  return { stream: new Stream(place.ordinal, place.name, recovered.tail), recovered, genesis }
}

async function folderBytes(folder: string): Promise<number> {
  const sizes = (await fs.readdir(folder)).map(name => fileBytes(path.join(folder, name)))
  return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0)
}

/** 0 when LevelDB has just removed the file. */
async function fileBytes(file: string): Promise<number> {
  try {
    return (await fs.stat(file)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}
