// store.json: what says that a folder is a store, which version of the layout it has, and its id. It is written last
// when a store is made, so a folder without it never was one, and read first when it is opened, so that a layout from
// the future is refused before anything is touched.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { fromHex, toHex } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import { corruptionError } from '../validate.ts'

const format = 'frontier-replica/store'
const version = 1

/** Makes the file durable before it answers. */
export async function writeFormat(folder: string, id: Uint8Array): Promise<void> {
  const file = path.join(folder, 'store.json')
  const next = `${file}.new`
  await fs.writeFile(next, `${JSON.stringify({ format, version, id: toHex(id) })}\n`, { flush: true })
  await fs.rename(next, file)
  const handle = await fs.open(folder)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The store's id; undefined when there is no store.json. @throws ReplicaError ERR_STORE_VERSION, ERR_STORE_CORRUPT */
export async function readFormat(folder: string): Promise<Uint8Array | undefined> {
  const file = path.join(folder, 'store.json')
  let text: string
  try {
    text = await fs.readFile(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new ReplicaError('ERR_STORE_IO', `${file} can't be read: ${message}`, { cause: error })
  }
  const found = parse(text)
  if (found?.format !== format || typeof found.version !== 'number')
    throw corruptionError(`${file} is no store's format file`)
  if (found.version !== version) {
    const message = `the store has layout version ${found.version}, this program knows ${version}: use a newer one`
    throw new ReplicaError('ERR_STORE_VERSION', message, { facts: { version: found.version } })
  }
  const id = typeof found.id === 'string' ? fromHex(found.id) : undefined
  if (id?.length !== 16) throw corruptionError(`${file} has no valid id`)
  return id
}

function parse(text: string): { format?: unknown; version?: unknown; id?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
