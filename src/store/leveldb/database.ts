// One LevelDB. The only file that imports `level`: it makes LevelDB's errors into ours, closes iterators, and leaves out
// what this store never uses. Keys and values are bytes. LevelDB does not check the checksums of its tables when it
// reads, drops damaged stretches of its write-ahead log without a word, and goes on after a failed write as if nothing
// had been; whoever calls this must not rely on it for any of the three.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { Level } from 'level'
import { ReplicaError } from '../../base/errors.ts'
import { corruptionError } from '../validate.ts'
import type { TableFile } from './sstable-check.ts'

export interface DatabaseOptions {
  /** Makes a new database where there is none; without it a missing one is an error. */
  readonly create: boolean
  readonly compression: boolean
  /** Bytes of the memory table; two of them may be in memory at a time. */
  readonly writeBufferBytes: number
  readonly cacheBytes: number
  readonly blockBytes: number
  readonly fileBytes: number
  /** Table files open at a time. They are mapped into memory, so this times `fileBytes` bounds what that takes. */
  readonly filesMax: number
}

export type DatabaseEntry = [key: Uint8Array, value: Uint8Array]

export interface Range {
  readonly gte: Uint8Array
  readonly lt: Uint8Array
  readonly reverse?: boolean
  readonly limit?: number
  /** Leaves values empty. */
  readonly keysOnly?: boolean
  /** Ends a batch at this many bytes of keys and values. */
  readonly batchBytes?: number
}

/** Changes that take effect together. Built first and written later, so that a plan that fails leaves nothing behind. */
export class Batch {
  readonly puts: DatabaseEntry[] = []
  readonly deletes: Uint8Array[] = []
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

export interface Database {
  readonly path: string
  readonly writeBufferBytes: number
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]>
  /** Deletes first, then puts, as one atomic change; on the disk when it returns if `sync`. */
  write(batch: Batch, options: { sync: boolean }): Promise<void>
  /** As they are at this moment. What is returned must be iterated, or its snapshot stays until the database is closed. */
  entries(range: Range): AsyncGenerator<DatabaseEntry[]>
  /** The table files that it consists of at this moment, beside what is in memory and in the write-ahead log. */
  tables(): TableFile[]
  /** Moves what is in memory and in the write-ahead log into table files. */
  flush(): Promise<void>
  close(): Promise<void>
}

/** @throws ReplicaError ERR_STORE_LOCKED, ERR_STORE_CORRUPT, ERR_STORE_IO */
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
    throw openError(error, location)
  }
  return new LevelDatabase(level, options)
}

/** True when there is a database at this place. */
export async function databaseExists(location: string): Promise<boolean> {
  return fs.access(path.join(location, 'CURRENT')).then(
    () => true,
    () => false,
  )
}

/**
 * Up to so many keys are read on the calling thread: 3 to 10 µs each when what they need is in memory, as nearly always, while
 * a read on the pool takes 150 µs, and waits there behind writes. From a disk it takes a fraction of a millisecond.
 */
const KEYS_READ_HERE = 4

class LevelDatabase implements Database {
  readonly writeBufferBytes: number
  readonly #level: Level<Uint8Array, Uint8Array>

  constructor(level: Level<Uint8Array, Uint8Array>, options: DatabaseOptions) {
    this.#level = level
    this.writeBufferBytes = options.writeBufferBytes
  }

  get path(): string {
    return this.#level.location
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#run(() => this.#level.get(key))
  }

  async getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#run(() => (keys.length <= KEYS_READ_HERE ? this.#readHere(keys) : this.#level.getMany(keys)))
  }

  async #readHere(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
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

  entries(range: Range): AsyncGenerator<DatabaseEntry[]> {
    const { gte, lt, reverse = false, limit = -1, keysOnly = false, batchBytes = 64 * 1024 } = range
    const options = { gte, lt, reverse, limit, values: !keysOnly, highWaterMarkBytes: batchBytes }
    try {
      return this.#batches(this.#level.iterator(options))
    } catch (error) {
      throw operationError(error, this.path)
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

  async flush(): Promise<void> {
    // Compacting an empty range moves the memory table and does no more; it reports no error, the write after it does.
    const beyond = Buffer.alloc(16, 0xff)
    const level = this.#level as unknown as { compactRange(start: Uint8Array, end: Uint8Array): Promise<void> }
    await this.#run(() => level.compactRange(beyond, beyond))
    const probe = new Batch()
    probe.delete(Buffer.alloc(1))
    await this.write(probe, { sync: false })
  }

  async close(): Promise<void> {
    await this.#run(() => this.#level.close())
  }

  async #run<T>(operation: () => Promise<T>): Promise<T> {
    try {
      return await operation()
    } catch (error) {
      throw operationError(error, this.path)
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

function openError(thrown: unknown, location: string): ReplicaError {
  const error = thrown as LevelError
  const cause = error.cause ?? error
  if (cause.code === 'LEVEL_LOCKED') {
    const message = `the store is open in another process (${location}): stop that one, or let it do the work`
    return new ReplicaError('ERR_STORE_LOCKED', message, { cause: thrown })
  }
  if (cause.code === 'LEVEL_IO_ERROR' && !missingFile.test(cause.message))
    return ioError(location, cause.message, thrown)
  return corruptionError(`${location} can't be opened: ${cause.message}`, {}, thrown)
}

function operationError(thrown: unknown, location: string): unknown {
  const { code, message } = thrown as LevelError
  if (missingFile.test(message)) return corruptionError(`${location} is damaged: ${message}`, {}, thrown)
  switch (code) {
    case 'LEVEL_CORRUPTION':
      return corruptionError(`${location} is damaged: ${message}`, {}, thrown)
    case 'LEVEL_DATABASE_NOT_OPEN':
    case 'LEVEL_ITERATOR_NOT_OPEN':
    case 'LEVEL_BATCH_NOT_OPEN':
      return new ReplicaError('ERR_STORE_CLOSED', 'the store is closed', { cause: thrown })
    default:
      // A TypeError is ours; anything else that LevelDB says without a code is no less an error of the disk.
      return thrown instanceof TypeError ? thrown : ioError(location, message, thrown)
  }
}

/** A file that LevelDB's own books name is gone: that is damage, and not trouble with the disk. */
const missingFile = /No such file/

function ioError(location: string, message: string, cause: unknown): ReplicaError {
  return new ReplicaError('ERR_STORE_IO', `${location} can't be read or written: ${message}`, { cause })
}
