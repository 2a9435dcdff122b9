// The file that --out names. It is written under another name first: a reader never sees half of it, and a verb that
// fails leaves the former one. Only a regular file is ever replaced; a link stays, and what it leads to is replaced.

import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { ReplicaError } from '../../base/errors.ts'
import { fileError, hasErrno } from '../error-hints.ts'
import { usage } from '../terminal/output.ts'

/**
 * Writes a file as a whole and answers how many bytes that were.
 * @throws ReplicaError ERR_USAGE for what is no file and what may not be written, ERR_STORE_IO when the disk is to blame
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

/** The name under which the file may be made or replaced. @throws ReplicaError ERR_USAGE */
async function regularFile(file: string): Promise<string> {
  const named = await kindOf(file)
  if (named === undefined) return file
  const target = named.isSymbolicLink() ? await linked(file) : file
  if ((await fs.stat(target)).isFile()) return target
  throw usage(`${file} is no file that could be replaced`, 'without --out all is printed: send that where it shall go')
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
    throw new ReplicaError('ERR_USAGE', `${link} is a link that leads nowhere`, { cause: error })
  }
}
