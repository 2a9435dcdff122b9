// One LevelDB database; the only file that imports `level`. It converts errors of LevelDB to
// ReplicaErrors and closes iterators. Keys and values are bytes. Callers must not rely on LevelDB
// for three things: it does not verify the checksums of its tables when it reads, it silently drops
// damaged parts of its write-ahead log, and it continues after a failed write.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { Level } from 'level'
import { diskError } from '../../base/disk-error.ts'
import { ReplicaError } from '../../base/errors.ts'
import { corruptionError } from '../validate.ts'
import type { TableFile } from './sstable-check.ts'

/** Settings of a database. */
export interface DatabaseOptions {
  /** Creates a missing database. If false, a missing database is an error. */
  readonly create: boolean
  /** Path in messages. Default: the location. */
  readonly shownPath?: string
  /** Compresses blocks with Snappy. */
  readonly compression: boolean
  /** Size of a memory table in bytes. LevelDB has at most two in memory. */
  readonly writeBufferBytes: number
  /** Size of the cache of uncompressed blocks. */
  readonly cacheBytes: number
  /** Size of a block, the unit of reads and compression. */
  readonly blockBytes: number
  /** Size at which a table file ends. */
  readonly fileBytes: number
  /**
   * Open table files. They are mapped into memory, so `filesMax * fileBytes` bounds that memory.
   */
  readonly filesMax: number
}

/** A key and its value. */
export type DatabaseEntry = [key: Uint8Array, value: Uint8Array]

/** The part of a database to iterate. */
export interface KeyRange {
  /** First key, inclusive. */
  readonly gte: Uint8Array
  /** Last key, exclusive. */
  readonly lt: Uint8Array
  /** Descending order. */
  readonly reverse?: boolean
  /** Maximum number of entries. */
  readonly limit?: number
  /** Does not read values; they are empty. */
  readonly keysOnly?: boolean
  /** Size at which a batch of entries ends, in bytes of keys and values. Default 64 KiB. */
  readonly batchBytes?: number
}

/**
 * Changes that are written together. A batch is filled first and written later, so a failure in
 * between changes nothing.
 */
export class Batch {
  readonly puts: DatabaseEntry[] = []
  readonly deletes: Uint8Array[] = []
  /** Size of keys and values in bytes. */
  bytes = 0

  put(key: Uint8Array, value: Uint8Array): void {
    this.puts.push([key, value])
    this.bytes += key.length + value.length
  }

  delete(key: Uint8Array): void {
    this.deletes.push(key)
    this.bytes += key.length
  }
}

/**
 * An open database. Methods reject with ERR_STORE_IO, ERR_STORE_CORRUPT and, after `close`,
 * ERR_STORE_CLOSED.
 */
export interface Database {
  /** Folder of the database. */
  readonly path: string
  /** Size of a memory table in bytes. */
  readonly writeBufferBytes: number
  /** Returns a value; undefined if the key does not exist. */
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  /** Returns the values in the order of `keys`. */
  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]>
  /**
   * Applies the deletes, then the puts, as one atomic change. With `sync`, it is on disk when the
   * promise is fulfilled.
   */
  write(batch: Batch, options: { sync: boolean }): Promise<void>
  /**
   * Iterates a snapshot of the range, made at the call. The result must be iterated: otherwise the
   * snapshot stays until the database is closed.
   */
  entries(range: KeyRange): AsyncGenerator<DatabaseEntry[]>
  /**
   * Returns the current table files. Data in the memory tables and the write-ahead log is not in
   * them.
   */
  tables(): TableFile[]
  /** Moves all data from memory tables and the write-ahead log into table files. */
  flush(): Promise<void>
  /**
   * Removes from the files all former values of the keys from `first` to `last`. The former
   * values must lie in table files when the keys are written: call `flush` before that write.
   */
  purge(first: Uint8Array, last: Uint8Array): Promise<void>
  /** Closes the database. */
  close(): Promise<void>
}

/**
 * Opens the database in the folder `location`.
 * @throws ReplicaError ERR_STORE_LOCKED, ERR_STORE_CORRUPT, ERR_STORE_IO
 */
export async function openDatabase(location: string, options: DatabaseOptions): Promise<Database> {
  const level = new Level<Uint8Array, Uint8Array>(location, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    createIfMissing: options.create,
    compression: options.compression,
    writeBufferSize: options.writeBufferBytes,
    cacheSize: options.cacheBytes,
    blockSize: options.blockBytes,
    maxFileSize: options.fileBytes,
    maxOpenFiles: options.filesMax,
  })
  try {
    await level.open()
  } catch (error) {
    throw openError(error, { location, shown: options.shownPath ?? location })
  }
  return new LevelDatabase(level, options)
}

/** Returns whether the folder `location` contains a database. */
export async function databaseExists(location: string): Promise<boolean> {
  return fs.access(path.join(location, 'CURRENT')).then(
    () => true,
    () => false,
  )
}

/**
 * Up to this many keys are read synchronously, on the calling thread. A key takes 3 to 10 µs if its
 * block is in memory, which is nearly always so, and a fraction of a millisecond from a disk. A
 * read on the thread pool takes 150 µs and queues after writes.
 */
const syncReadKeysMax = 4

class LevelDatabase implements Database {
  readonly writeBufferBytes: number
  readonly #level: Level<Uint8Array, Uint8Array>
  readonly #place: Place

  constructor(level: Level<Uint8Array, Uint8Array>, options: DatabaseOptions) {
    this.#level = level
    this.#place = { location: level.location, shown: options.shownPath ?? level.location }
    this.writeBufferBytes = options.writeBufferBytes
  }

  get path(): string {
    return this.#level.location
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#run(() => this.#level.get(key))
  }

  async getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#run(() => (keys.length <= syncReadKeysMax ? this.#readSync(keys) : this.#level.getMany(keys)))
  }

  async #readSync(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return keys.map(key => this.#level.getSync(key))
  }

  async write(batch: Batch, options: { sync: boolean }): Promise<void> {
    await this.#run(async () => {
      const chained = this.#level.batch()
      for (const key of batch.deletes) chained.del(key)
      for (const [key, value] of batch.puts) chained.put(key, value)
      await chained.write(options)
    })
  }

  entries(range: KeyRange): AsyncGenerator<DatabaseEntry[]> {
    const { gte, lt, reverse = false, limit = -1, keysOnly = false, batchBytes = 64 * 1024 } = range
    const options = { gte, lt, reverse, limit, values: !keysOnly, highWaterMarkBytes: batchBytes }
    try {
      return this.#batches(this.#level.iterator(options))
    } catch (error) {
      throw operationError(error, this.#place)
    }
  }

  async *#batches(iterator: LevelIterator): AsyncGenerator<DatabaseEntry[]> {
    try {
      for (;;) {
        const entries = await this.#run(() => iterator.nextv(1000))
        if (entries.length === 0) return
        yield entries
      }
    } finally {
      await iterator.close()
    }
  }

  tables(): TableFile[] {
    const level = this.#level as unknown as { getProperty(name: string): string }
    const lines = level.getProperty('leveldb.sstables').matchAll(/^ (\d+):(\d+)\[/gm)
    return [...lines].map(([, number, bytes]) => ({
      path: path.join(this.path, `${number!.padStart(6, '0')}.ldb`),
      bytes: Number(bytes),
    }))
  }

  async purge(first: Uint8Array, last: Uint8Array): Promise<void> {
    // The new value moves to a level above the former one, and the compaction of the range merges
    // the two.
    await this.#compact(first, last)
    await this.flush()
  }

  async flush(): Promise<void> {
    // To compact an empty range only moves the memory table. That does not report an error; the
    // write after it does.
    const beyond = Buffer.alloc(16, 0xff)
    await this.#compact(beyond, beyond)
    const probe = new Batch()
    probe.delete(Buffer.alloc(1))
    await this.write(probe, { sync: false })
  }

  async #compact(first: Uint8Array, last: Uint8Array): Promise<void> {
    const level = this.#level as unknown as { compactRange(start: Uint8Array, end: Uint8Array): Promise<void> }
    await this.#run(() => level.compactRange(first, last))
  }

  async close(): Promise<void> {
    await this.#run(() => this.#level.close())
  }

  async #run<T>(operation: () => Promise<T>): Promise<T> {
    try {
      return await operation()
    } catch (error) {
      throw operationError(error, this.#place)
    }
  }
}

interface LevelIterator {
  nextv(size: number): Promise<DatabaseEntry[]>
  close(): Promise<void>
}

interface LevelError {
  readonly code?: string
  readonly message: string
  readonly cause?: LevelError
}

/** The folder of a database, and its path in messages. */
interface Place {
  readonly location: string
  readonly shown: string
}

function openError(thrown: unknown, place: Place): ReplicaError {
  const error = thrown as LevelError
  const cause = error.cause ?? error
  const { shown } = place
  const message = shownIn(cause.message, place)
  if (cause.code === 'LEVEL_LOCKED') {
    const advice = `the store is open in another process (${shown}): stop that process, or use it`
    return new ReplicaError('ERR_STORE_LOCKED', advice, { cause: thrown })
  }
  if (cause.code === 'LEVEL_IO_ERROR' && !missingFile.test(message)) return ioError(shown, message, thrown)
  return corruptionError(`cannot open ${shown}: ${message}`, {}, thrown)
}

function operationError(thrown: unknown, place: Place): unknown {
  const { code, message: raw } = thrown as LevelError
  const message = shownIn(raw, place)
  const { shown } = place
  if (missingFile.test(message)) return corruptionError(`${shown} is damaged: ${message}`, {}, thrown)
  switch (code) {
    case 'LEVEL_CORRUPTION':
      return corruptionError(`${shown} is damaged: ${message}`, {}, thrown)
    case 'LEVEL_DATABASE_NOT_OPEN':
    case 'LEVEL_ITERATOR_NOT_OPEN':
    case 'LEVEL_BATCH_NOT_OPEN':
      return new ReplicaError('ERR_STORE_CLOSED', 'the store is closed', { cause: thrown })
    default:
      // A TypeError is a mistake of the caller. Any other error of LevelDB is an error of the disk.
      return thrown instanceof TypeError ? thrown : ioError(shown, message, thrown)
  }
}

/** A file in the manifest of LevelDB is missing. That is damage, not an error of the disk. */
const missingFile = /No such file/

function ioError(shown: string, message: string, cause: unknown): ReplicaError {
  const found = diskError(message)
  const why = found === undefined ? message : `${found.words}; ${message}`
  const facts = found === undefined ? {} : { errno: found.errno, hint: found.hint }
  return new ReplicaError('ERR_STORE_IO', `cannot read or write ${shown}: ${why}`, { cause, facts })
}

function shownIn(message: string, { location, shown }: Place): string {
  return message.replaceAll(location, shown)
}
