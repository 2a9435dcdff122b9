// Writes the file of --out atomically: under a temporary name, then by a rename. A reader never
// sees a part of it, and a failed command keeps the former file. Only a regular file is replaced;
// for a link, its target is replaced.

import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { ReplicaError } from '../../base/errors.ts'
import { fileError, hasErrno } from '../error-hints.ts'
import { usage } from '../terminal/output.ts'

/**
 * Replaces a file atomically and returns its number of bytes.
 * @throws ReplicaError ERR_USAGE if it is not a regular file or not writable, ERR_STORE_IO for an
 * I/O error
 */
export async function replaceFile(
  file: string,
  pieces: AsyncIterable<string | Uint8Array> | Iterable<Uint8Array>,
): Promise<number> {
  let fresh: string | undefined
  try {
    const target = await regularFile(file)
    fresh = `${target}.${randomBytes(4).toString('hex')}.new`
    const bytes = await write(fresh, pieces)
    await fs.rename(fresh, target)
    return bytes
  } catch (error) {
    if (fresh !== undefined) await fs.rm(fresh, { force: true })
    throw fileError(error, file)
  }
}

async function write(file: string, pieces: Parameters<typeof replaceFile>[1]): Promise<number> {
  const handle = await fs.open(file, 'wx')
  let bytes = 0
  try {
    for await (const piece of pieces) {
      bytes += Buffer.byteLength(piece)
      await handle.appendFile(piece)
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  return bytes
}

/** Returns the path of the file to create or replace. @throws ReplicaError ERR_USAGE */
async function regularFile(file: string): Promise<string> {
  const named = await kindOf(file)
  if (named === undefined) return file
  const target = named.isSymbolicLink() ? await linked(file) : file
  if ((await fs.stat(target)).isFile()) return target
  throw usage(`${file} is not a regular file`, 'leave out --out and redirect stdout')
}

async function kindOf(file: string): Promise<Awaited<ReturnType<typeof fs.lstat>> | undefined> {
  try {
    return await fs.lstat(file)
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

async function linked(link: string): Promise<string> {
  try {
    return await fs.realpath(link)
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'ELOOP')) throw error
    throw new ReplicaError('ERR_USAGE', `${link} is a link without a target`, { cause: error })
  }
}
