// Errors of the operating system about files and sockets that a person named, told apart by their code.

import * as fs from 'node:fs/promises'
import { ReplicaError } from '../base/errors.ts'

export function hasErrno(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code)
}

const WORDS: Record<string, string> = {
  ENOENT: 'is not there',
  ENOTDIR: 'is not there',
  EACCES: 'may not be opened by this user',
  EPERM: 'may not be opened by this user',
  EISDIR: 'is a folder',
  EEXIST: 'is there already',
}

/** A file or folder named on the command line that can't be used: ERR_USAGE, or ERR_STORE_IO when the disk is to blame. */
export function fileError(error: unknown, file: string): unknown {
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) return error
  if (error instanceof ReplicaError) return error
  const words = WORDS[error.code]
  if (words !== undefined) return new ReplicaError('ERR_USAGE', `${file} ${words}`, { cause: error })
  if (!/^E[A-Z0-9]+$/.test(error.code)) return error
  return new ReplicaError('ERR_STORE_IO', `${file}: ${error.message}`, { cause: error })
}

/** False where there is nothing of this name. @throws ReplicaError as fileError makes it */
export async function isFolder(file: string): Promise<boolean> {
  try {
    return (await fs.stat(file)).isDirectory()
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return false
    throw fileError(error, file)
  }
}
