// A small JSON file that says what a folder is: store.json and postgres.json. It is written
// durably, and replaced as one step. Spec: protocol/store.md, T8 and T58.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { ReplicaError } from '../base/errors.ts'

/**
 * Writes the file durably: it has the old content or the new one, never a part of one.
 *
 * @param mode - the permissions of the file; those of the process if absent
 * @throws the error of the file system
 */
export async function writeFolderFile(file: string, value: object, mode?: number): Promise<void> {
  const next = `${file}.new`
  await fs.rm(next, { force: true }) // a file that an interrupted write left would keep its own permissions
  await fs.writeFile(next, `${JSON.stringify(value)}\n`, { flush: true, ...(mode !== undefined && { mode }) })
  await fs.rename(next, file)
  const folder = await fs.open(path.dirname(file))
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/**
 * Reads the file. Returns undefined if it does not exist, and an object without members if it is
 * not a JSON object.
 *
 * @throws ReplicaError ERR_STORE_IO
 */
export async function readFolderFile(file: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  let text: string
  try {
    text = await fs.readFile(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new ReplicaError('ERR_STORE_IO', `cannot read ${file}: ${message}`, { cause: error })
  }
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}
