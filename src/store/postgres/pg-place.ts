// The file postgres.json in a replica's folder: it says that the store of the folder is in a
// PostgreSQL database. The folder then has the key and this file, and no database of its own. Only
// the owner can read it, because the address may have a password. Spec: protocol/store.md, T58.

import * as path from 'node:path'
import { readFolderFile, writeFolderFile } from '../folder-file.ts'
import { corruptionError } from '../validate.ts'

const FORMAT = 'frontier-replica/postgres'
const FILE = 'postgres.json'

/** Where the store of a folder is. */
export interface PgPlace {
  /** The address, as for `openPostgres`. */
  readonly url: string
  /** Whether the operator accepted a server without standbys. */
  readonly allowAsync: boolean
}

/** Writes the file, durably. @throws the error of the file system */
export function writePgPlace(folder: string, place: PgPlace): Promise<void> {
  const value = { format: FORMAT, url: place.url, allow_async: place.allowAsync }
  return writeFolderFile(path.join(folder, FILE), value, 0o600)
}

/**
 * Reads the file; undefined if the folder does not have it.
 * @throws ReplicaError ERR_STORE_CORRUPT, ERR_STORE_IO
 */
export async function readPgPlace(folder: string): Promise<PgPlace | undefined> {
  const file = path.join(folder, FILE)
  const found = await readFolderFile(file)
  if (found === undefined) return undefined
  if (found.format !== FORMAT || typeof found.url !== 'string' || typeof found.allow_async !== 'boolean') {
    throw corruptionError(`${file} does not say where the store is`)
  }
  return { url: found.url, allowAsync: found.allow_async }
}
