// The file postgres.json in a replica's folder: it says that the store of the folder is in a
// PostgreSQL database. The folder then has the key and this file, and no database of its own. Only
// the owner can read it, because the address may have a password. Spec: protocol/store.md, T58.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { ReplicaError } from '../../base/errors.ts'
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

/** Writes the file, durably. */
export async function writePgPlace(folder: string, place: PgPlace): Promise<void> {
  const file = path.join(folder, FILE)
  const next = `${file}.new`
  const value = { format: FORMAT, url: place.url, allow_async: place.allowAsync }
  await fs.writeFile(next, `${JSON.stringify(value)}\n`, { flush: true, mode: 0o600 })
  await fs.rename(next, file)
}

/**
 * Reads the file; undefined if the folder does not have it.
 * @throws ReplicaError ERR_STORE_CORRUPT, ERR_STORE_IO
 */
export async function readPgPlace(folder: string): Promise<PgPlace | undefined> {
  const file = path.join(folder, FILE)
  let text: string
  try {
    text = await fs.readFile(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new ReplicaError('ERR_STORE_IO', `cannot read ${file}: ${message}`, { cause: error })
  }
  const found = parse(text)
  if (found?.format !== FORMAT || typeof found.url !== 'string' || typeof found.allow_async !== 'boolean') {
    throw corruptionError(`${file} does not say where the store is`)
  }
  return { url: found.url, allowAsync: found.allow_async }
}

function parse(text: string): { format?: unknown; url?: unknown; allow_async?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
