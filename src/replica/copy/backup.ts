// Copies a replica: a backup on LevelDB while the replica is in use, and a replica made from a
// backup or from another replica's folder, on LevelDB or in a PostgreSQL database.
// Spec: protocol/store.md, T59.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { hasCode } from '../../base/errors.ts'
import { Key } from '../../crypto/key.ts'
import { type CopyOptions, type CopyReport, copyStore } from '../../store/copy-store.ts'
import { createLevelDb, createPostgres, openLevelDb, openPostgres } from '../../store/index.ts'
import { readPgPlace, writePgPlace } from '../../store/postgres/pg-place.ts'
import type { Store } from '../../store/store.ts'

/** Where a copy goes: a folder, a database, or a folder whose store is in a database. */
export interface CopyTarget {
  /** A new folder, or that of an interrupted copy. */
  readonly location?: string
  /** `postgres://…`. Default: LevelDB in the folder. */
  readonly store?: string
  /** Accept a PostgreSQL server that acknowledges commits before a second machine has them. */
  readonly allowAsync?: boolean
}

/**
 * Copies an open store, with the key, to a folder. Continues an interrupted copy.
 * @throws ReplicaError as `copyStore`
 */
export async function backUp(
  { store, key }: { readonly store: Store; readonly key: Key },
  folder: string,
  options: CopyOptions,
): Promise<CopyReport> {
  return await copyInto(store, { target: { location: folder }, key }, options)
}

/**
 * Copies the replica of a folder that is not in use, with its key.
 * @throws ReplicaError as `copyStore`, ERR_STORE_MISSING, ERR_STORE_LOCKED, ERR_KEY_FILE
 *
 * @example
 * await copyReplica('/backups/lab/.replica', { location: 'lab/.replica' })
 */
export async function copyReplica(from: string, target: CopyTarget, options: CopyOptions = {}): Promise<CopyReport> {
  const key = await Key.load(path.join(from, 'key'))
  const place = await readPgPlace(from)
  const store = place === undefined ? await openLevelDb(from) : await openPostgres(place.url, place)
  try {
    return await copyInto(store, { target, key }, options)
  } finally {
    await store.close()
  }
}

async function copyInto(
  from: Store,
  { target, key }: { readonly target: CopyTarget; readonly key: Key },
  options: CopyOptions,
): Promise<CopyReport> {
  const { location, store: url, allowAsync = false } = target
  if (location !== undefined) await fs.mkdir(location, { recursive: true, mode: 0o700 })
  if (url === undefined && location === undefined) throw new TypeError('a copy goes to a folder or a database')
  const to =
    url === undefined ? await levelDbAt(location!, from.id) : await databaseAt(url, { id: from.id, allowAsync })
  try {
    const report = await copyStore(from, to, options)
    if (location === undefined) return report
    await key.save(path.join(location, 'key')).catch(unlessSaved)
    if (url !== undefined) await writePgPlace(location, { url, allowAsync })
    return report
  } finally {
    await to.close()
  }
}

async function levelDbAt(folder: string, id: Uint8Array): Promise<Store> {
  try {
    return await openLevelDb(folder)
  } catch (error) {
    if (!hasCode(error, 'ERR_STORE_MISSING')) throw error
    return await createLevelDb(folder, { id })
  }
}

async function databaseAt(url: string, options: { id: Uint8Array; allowAsync: boolean }): Promise<Store> {
  try {
    return await createPostgres(url, options)
  } catch (error) {
    if (!hasCode(error, 'ERR_STORE_EXISTS')) throw error
    return await openPostgres(url, options)
  }
}

/** The key file of an earlier copy stays; a copy of another store fails before. */
function unlessSaved(error: unknown): void {
  if (!hasCode(error, 'ERR_KEY_FILE') || error.facts.reason !== 'EEXIST') throw error
}
