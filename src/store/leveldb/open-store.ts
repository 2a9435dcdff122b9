// Creates and opens a LevelDB store: a folder with store.json (layout version, id), log/ (the
// source of truth), index/ (derived from it), held/ (held nodes) and documents/ (linked documents).
// An open checks everything that a damaged write-ahead log can affect, and refuses a store that has
// lost acknowledged data. LevelDB gives a database to one process only.
// Spec: protocol/store.md, T7, T8, T20 and T21.

import * as crypto from 'node:crypto'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { ReplicaError } from '../../base/errors.ts'
import { HELD_LIMITS } from '../../base/limits.ts'
import type { HeldLimits } from '../quota.ts'
import type { Store } from '../store.ts'
import { StoreHealth } from '../store-health.ts'
import { corruptionError } from '../validate.ts'
import { type Database, type DatabaseOptions, databaseExists, openDatabase } from './database.ts'
import { FolderGuard } from './guard/folder-guard.ts'
import { LevelDbStore, type StoreParts } from './leveldb-store.ts'
import { rebuildHint } from './recovery.ts'
import { tableFaults } from './sstable-check.ts'
import { readStoreFile, writeStoreFile } from './store-file.ts'

/** Options of a LevelDB store. */
export interface LevelDbOptions {
  /**
   * `strict` (default): the open fails with ERR_STORE_CORRUPT if it finds damage. `report`: a
   * damaged store opens for reading, so that `verify` can list the faults; writes fail with
   * ERR_STORE_CORRUPT.
   */
  readonly check?: 'strict' | 'report'
  /** Limits of held nodes. Default `HELD_LIMITS`: 64 MiB for each peer, 512 MiB in total. */
  readonly heldLimits?: HeldLimits
  /** The id of a store that is created, 16 bytes, for a copy. Default: random. */
  readonly id?: Uint8Array
}

const KIB = 1024
const MIB = 1024 * KIB

/** Advice for damage that cannot be repaired: log/ and held/ cannot be derived from other files. */
const restoreHint =
  'restore it from a copy of the store; without one, clone from a peer, with --key-file and the key file of this store'

/**
 * Settings of the four databases. Open table files are mapped into memory, so their number is
 * limited.
 */
const settings = {
  // Nodes compress well and are read in long runs. A memory table becomes one file, so its size
  // limits the files too.
  log: {
    compression: true,
    writeBufferBytes: 2 * MIB,
    cacheBytes: 8 * MIB,
    blockBytes: 16 * KIB,
    fileBytes: 2 * MIB,
    filesMax: 74,
  },
  // Digests do not compress and are read individually. LevelDB reads uncompressed blocks in place,
  // without the cache.
  index: {
    compression: false,
    writeBufferBytes: 4 * MIB,
    cacheBytes: MIB,
    blockBytes: 4 * KIB,
    fileBytes: 2 * MIB,
    filesMax: 1000,
  },
  held: {
    compression: true,
    writeBufferBytes: 2 * MIB,
    cacheBytes: 2 * MIB,
    blockBytes: 16 * KIB,
    fileBytes: 2 * MIB,
    filesMax: 74,
  },
  // Blocks of up to 256 KiB, written once and read individually.
  documents: {
    compression: true,
    writeBufferBytes: 2 * MIB,
    cacheBytes: 2 * MIB,
    blockBytes: 16 * KIB,
    fileBytes: 4 * MIB,
    filesMax: 74,
  },
} as const satisfies Record<string, Omit<DatabaseOptions, 'create'>>

/**
 * Size of the memory table of a new index. A new store is mostly filled by a clone or an import,
 * whose random keys LevelDB would otherwise sort into its tables several times.
 */
const NEW_INDEX_BUFFER_BYTES = 32 * MIB

/** A function that opens one database. Tests pass one whose database fails. */
export type OpenDatabase = typeof openDatabase

type DatabaseName = keyof typeof settings

/**
 * Creates a store in `folder`, and the folder if it does not exist. Other files in the folder do
 * not matter.
 * @throws ReplicaError ERR_STORE_EXISTS if the folder contains a store, ERR_STORE_LOCKED,
 *   ERR_STORE_IO
 *
 * @example
 * await using store = await createLevelDb('replica/store')
 */
export async function createLevelDb(folder: string, options: LevelDbOptions = {}): Promise<Store> {
  await fs.mkdir(folder, { recursive: true })
  if ((await readStoreFile(folder)) !== undefined) throw exists(folder)
  const id = options.id ?? crypto.randomBytes(16)
  return openAll({ folder, id, options }, async (name, { location, shownPath }) => {
    const writeBufferBytes = name === 'index' ? NEW_INDEX_BUFFER_BYTES : settings[name].writeBufferBytes
    const database = await openDatabase(location, { ...settings[name], writeBufferBytes, create: true, shownPath })
    // Without store.json, an earlier create did not finish, or store.json was removed. Only an
    // empty database may be used.
    const all = { gte: Buffer.alloc(0), lt: Buffer.alloc(64, 0xff), limit: 1 }
    for await (const entries of database.entries(all)) {
      await database.close()
      if (entries.length > 0) throw exists(folder)
    }
    if (name === names.at(-1)) await writeStoreFile(folder, id)
    return database
  })
}

/**
 * Opens the store in `folder`.
 * @throws ReplicaError ERR_STORE_MISSING, ERR_STORE_LOCKED (another process, or this one, has it
 *   open), ERR_STORE_VERSION (a layout of another version), ERR_STORE_CORRUPT, ERR_STORE_IO
 *
 * @example
 * await using store = await openLevelDb('replica/store')
 * for (const name of store.frontiers()) console.log(name, store.frontier(name).nodes)
 */
export async function openLevelDb(folder: string, options: LevelDbOptions = {}): Promise<Store> {
  return openLevelDbWith(openDatabase, folder, options)
}

/** Like `openLevelDb`, with `open` to open each database. */
export async function openLevelDbWith(open: OpenDatabase, folder: string, options: LevelDbOptions): Promise<Store> {
  const id = await readStoreFile(folder)
  if (id === undefined) {
    if (!(await databaseExists(path.join(folder, 'log')))) {
      throw new ReplicaError('ERR_STORE_MISSING', `there is no store in ${folder}`)
    }
    throw corruptionError(`store.json is missing in ${folder}`, { hint: restoreHint })
  }
  return openAll({ folder, id, options }, async (name, { location, shownPath }) => {
    // Only a completely missing index/ is rebuilt. A store of a program without documents does not
    // have documents/, nor a node that links any.
    const create = (name === 'index' || name === 'documents') && !(await pathExists(location))
    if (!create && !(await databaseExists(location))) {
      throw corruptionError(`${shownPath} is missing or damaged`, {
        hint: name === 'index' ? rebuildHint : restoreHint,
      })
    }
    const database = await open(location, { ...settings[name], create, shownPath })
    const faults = await tableFaults(database.tables())
    if (faults.length === 0) return database
    await database.close()
    const hint = name === 'index' ? `; ${rebuildHint}` : ''
    const named = faults.slice(0, 5).join('; ').replaceAll(location, shownPath)
    throw corruptionError(`tables are damaged: ${named}${hint}`, { files: faults.length })
  })
}

/** In the order in which they are opened: the process that has log/ has the store. */
const names = ['log', 'index', 'held', 'documents'] as const satisfies readonly DatabaseName[]

/**
 * Folders that are open in this process. This is process-wide state, because the lock that it
 * protects belongs to the process: a second open of a database in one process fails, but drops the
 * lock that excludes other processes (POSIX drops a process's locks of a file when any of its
 * descriptors is closed). So LevelDB must not be called for a folder that is open already.
 */
const openFolders = new Set<string>()

async function openAll(
  { folder, id, options }: { folder: string; id: Uint8Array; options: LevelDbOptions },
  open: (name: DatabaseName, at: { location: string; shownPath: string }) => Promise<Database>,
): Promise<Store> {
  const real = await fs.realpath(folder)
  if (openFolders.has(real)) {
    throw new ReplicaError('ERR_STORE_LOCKED', `the store in ${folder} is already open in this process`)
  }
  openFolders.add(real)
  const guard = guardOf(real)
  const opened: Partial<Record<DatabaseName, Database>> = {}
  try {
    for (const name of names)
      opened[name] = await open(name, { location: path.join(guard.path, name), shownPath: path.join(folder, name) })
    guard.remember()
    const { log, index, held, documents } = opened as Record<DatabaseName, Database>
    const { check = 'strict', heldLimits = HELD_LIMITS } = options
    const onClosed = () => {
      guard.close()
      openFolders.delete(real)
    }
    const health = new StoreHealth()
    const parts: StoreParts = { id, guard, health, log, index, held, documents, check, heldLimits, onClosed }
    return await LevelDbStore.load(parts)
  } catch (error) {
    for (const database of Object.values(opened)) await database.close()
    guard.close()
    openFolders.delete(real)
    throw error
  }
}

function guardOf(folder: string): FolderGuard {
  try {
    return new FolderGuard(folder)
  } catch (error) {
    openFolders.delete(folder)
    throw error
  }
}

function exists(folder: string): ReplicaError {
  return new ReplicaError('ERR_STORE_EXISTS', `${folder} already contains a store or a part of one`)
}

async function pathExists(location: string): Promise<boolean> {
  return fs.access(location).then(
    () => true,
    () => false,
  )
}
