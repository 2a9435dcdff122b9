// The LevelDB engine: a folder with store.json (layout version, id), log/ (the truth), index/ (derived from it), held/
// (nodes that wait) and documents/ (what nodes link). Opening checks whatever a damaged write-ahead log could have cost and refuses a store that has
// lost what it acknowledged. LevelDB gives a database to one process only. Specification: protocol/store.md.

import * as crypto from 'node:crypto'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { ReplicaError } from '../../base/errors.ts'
import { HELD_LIMITS } from '../../base/limits.ts'
import type { HeldLimits } from '../quota.ts'
import type { Store } from '../store.ts'
import { corruptionError } from '../validate.ts'
import { type Database, type DatabaseOptions, databaseExists, openDatabase } from './database.ts'
import { LevelDbStore, type StoreParts } from './leveldb-store.ts'
import { rebuildHint } from './recovery.ts'
import { tableFaults } from './sstable-check.ts'
import { readFormat, writeFormat } from './store-file.ts'

export interface LevelDbOptions {
  /**
   * `strict`, the default: a store that is damaged where an open looks does not open. `report`: it opens for reading
   * as it is, so that `verify` can list what is wrong; writing is refused with ERR_STORE_CORRUPT.
   */
  readonly check?: 'strict' | 'report'
  readonly heldLimits?: HeldLimits
}

const KIB = 1024
const MIB = 1024 * KIB

/** What helps where `verify` can't: the log and what waits can't be made again from anything else that lies here. */
const restoreHint =
  'bring it back from a copy of the store; without one, clone from a peer, with --key-file and the key file of this store'

/** Settings of the four databases. A table file is mapped into memory while it is open, so that files are bounded too. */
const settings = {
  // Node texts compress well, and are read in long runs. A memory table becomes one file, so its size bounds those too.
  log: {
    compression: true,
    writeBufferBytes: 2 * MIB,
    cacheBytes: 8 * MIB,
    blockBytes: 16 * KIB,
    fileBytes: 2 * MIB,
    filesMax: 74,
  },
  // Digests don't compress, and are read one by one, anywhere. Uncompressed blocks are read in place and never cached.
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
  // Texts of some kilobytes to 256, put once and read one by one.
  documents: {
    compression: true,
    writeBufferBytes: 2 * MIB,
    cacheBytes: 2 * MIB,
    blockBytes: 16 * KIB,
    fileBytes: 4 * MIB,
    filesMax: 74,
  },
} as const satisfies Record<string, Omit<DatabaseOptions, 'create'>>

/** Opens one database; tests put in one that fails when they say so. */
export type Opener = typeof openDatabase

type Name = keyof typeof settings

/** Makes a store in `folder`, which may have other files in it. @throws ReplicaError ERR_STORE_EXISTS, ERR_STORE_LOCKED */
export async function createLevelDb(folder: string, options: LevelDbOptions = {}): Promise<Store> {
  await fs.mkdir(folder, { recursive: true })
  if ((await readFormat(folder)) !== undefined) throw exists(folder)
  const id = crypto.randomBytes(16)
  return openAll(folder, id, options, async name => {
    const database = await openDatabase(path.join(folder, name), { ...settings[name], create: true })
    // Without store.json it was never finished, or somebody took store.json away: only an empty one is ours to use.
    const all = { gte: Buffer.alloc(0), lt: Buffer.alloc(64, 0xff), limit: 1 }
    for await (const entries of database.entries(all)) {
      await database.close()
      if (entries.length > 0) throw exists(folder)
    }
    if (name === names.at(-1)) await writeFormat(folder, id)
    return database
  })
}

/**
 * Opens the store in `folder`.
 * @throws ReplicaError ERR_STORE_MISSING, ERR_STORE_LOCKED, ERR_STORE_VERSION, ERR_STORE_CORRUPT, ERR_STORE_IO
 */
export async function openLevelDb(folder: string, options: LevelDbOptions = {}): Promise<Store> {
  return openLevelDbWith(openDatabase, folder, options)
}

export async function openLevelDbWith(opener: Opener, folder: string, options: LevelDbOptions): Promise<Store> {
  const id = await readFormat(folder)
  if (id === undefined) {
    if (!(await databaseExists(path.join(folder, 'log')))) {
      throw new ReplicaError('ERR_STORE_MISSING', `there is no store in ${folder}`)
    }
    throw corruptionError(`store.json is missing in ${folder}`, { hint: restoreHint })
  }
  return openAll(folder, id, options, async name => {
    const location = path.join(folder, name)
    // Only the index may be made again, and only when its whole folder was taken away. A store of a program that kept no
    // documents has no documents/, and no node that links any.
    const create = (name === 'index' || name === 'documents') && !(await pathExists(location))
    if (!create && !(await databaseExists(location))) {
      throw corruptionError(`${location} is missing or damaged`, { hint: name === 'index' ? rebuildHint : restoreHint })
    }
    const database = await opener(location, { ...settings[name], create })
    const faults = await tableFaults(database.tables())
    if (faults.length === 0) return database
    await database.close()
    const hint = name === 'index' ? `; ${rebuildHint}` : ''
    throw corruptionError(`tables are damaged: ${faults.slice(0, 5).join('; ')}${hint}`, { files: faults.length })
  })
}

/** In this order: who has log/ has the store. */
const names = ['log', 'index', 'held', 'documents'] as const satisfies readonly Name[]

/**
 * Folders that are open in this process. LevelDB must not be asked for a database that it has open already: it refuses,
 * but lets go of the lock that keeps other processes out (closing any descriptor of a file drops the process's locks).
 */
const openFolders = new Set<string>()

async function openAll(
  folder: string,
  id: Uint8Array,
  options: LevelDbOptions,
  open: (name: Name) => Promise<Database>,
): Promise<Store> {
  const real = await fs.realpath(folder)
  if (openFolders.has(real)) {
    throw new ReplicaError('ERR_STORE_LOCKED', `the store in ${folder} is open in this process already`)
  }
  openFolders.add(real)
  const opened: Partial<Record<Name, Database>> = {}
  try {
    for (const name of names) opened[name] = await open(name)
    const { log, index, held, documents } = opened as Record<Name, Database>
    const { check = 'strict', heldLimits = HELD_LIMITS } = options
    const onClosed = () => void openFolders.delete(real)
    const parts: StoreParts = { folder, id, log, index, held, documents, check, heldLimits, onClosed }
    return await LevelDbStore.load(parts)
  } catch (error) {
    for (const database of Object.values(opened)) await database.close()
    openFolders.delete(real)
    throw error
  }
}

function exists(folder: string): ReplicaError {
  return new ReplicaError('ERR_STORE_EXISTS', `there is a store, or the rest of one, in ${folder} already`)
}

async function pathExists(location: string): Promise<boolean> {
  return fs.access(location).then(
    () => true,
    () => false,
  )
}
