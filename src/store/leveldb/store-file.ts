// store.json: identifies a folder as a store, with its layout version and its id. It is written
// last when a store is created, so a folder without it is not a store. It is read first, so a newer
// layout is refused before anything is changed.
// Spec: protocol/store.md, T8.

import * as path from 'node:path'
import { fromHex, toHex } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import { readFolderFile, writeFolderFile } from '../folder-file.ts'
import { corruptionError } from '../validate.ts'

const format = 'frontier-replica/store'
const version = 2

/** Writes store.json, durably and atomically. @throws the error of the file system */
export function writeStoreFile(folder: string, id: Uint8Array): Promise<void> {
  return writeFolderFile(path.join(folder, 'store.json'), { format, version, id: toHex(id) })
}

/**
 * Returns the id of the store (16 bytes); undefined if store.json does not exist.
 * @throws ReplicaError ERR_STORE_VERSION, ERR_STORE_CORRUPT, ERR_STORE_IO
 */
export async function readStoreFile(folder: string): Promise<Uint8Array | undefined> {
  const file = path.join(folder, 'store.json')
  const found = await readFolderFile(file)
  if (found === undefined) return undefined
  if (found.format !== format || typeof found.version !== 'number')
    throw corruptionError(`${file} is not the store.json of a store`)
  if (found.version !== version) {
    const advice = found.version > version ? 'use a newer program' : 'import or clone its frontiers into a new store'
    const message = `the store has layout version ${found.version}, this program knows ${version}: ${advice}`
    throw new ReplicaError('ERR_STORE_VERSION', message, { facts: { version: found.version } })
  }
  const id = typeof found.id === 'string' ? fromHex(found.id) : undefined
  if (id?.length !== 16) throw corruptionError(`${file} does not have a valid id`)
  return id
}
