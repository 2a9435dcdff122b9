// Errors of the operating system about files and sockets that a person named, told apart by their code.

import * as fs from 'node:fs/promises'
import { type ErrorCode, ReplicaError } from '../base/errors.ts'

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

const HINTS: Partial<Record<ErrorCode, string>> = {
  ERR_STORE_MISSING: '`replica init` makes a store here, `--dir <folder>` names one',
  ERR_STORE_LOCKED: 'another process has the store open; while `replica serve` has it, every verb runs there by itself',
  ERR_STORE_CORRUPT: '`replica verify` says what is wrong; a new store can clone what is sound from a peer',
  ERR_STORE_EXISTS: 'choose another folder, or use what is there',
  ERR_KEY_FILE:
    'the key file must be a plain file that only its owner can read (chmod 600); from a copy: replica keys use <file>',
  ERR_FRONTIER_UNKNOWN:
    '`replica frontier list` shows what this store holds, `replica frontier track <vfr>` accepts one more',
  ERR_FRONTIER_ID: 'a frontier is named vfr_ and sixteen lower-case hex digits',
  ERR_PEER_UNKNOWN: '`replica peer list` shows who is registered',
  ERR_PEER_KEY_CHANGED: 'if the hub really has a new key: replica peer rotate <id> --key <hex>',
  ERR_PEER_URL: 'a peer outside this machine needs wss:// or https://; --allow-plain says that plain is meant',
  ERR_SYNC_CONNECT: 'is the hub running, and is this its address?',
  ERR_SYNC_CLOSED: 'what was acknowledged is durable: the same command goes on from there when the hub is back',
  ERR_FETCH: 'is the hub running and its registered key right? private hosts and http:// need to be allowed',
  ERR_CONFLICT_UNKNOWN: '`replica conflicts` lists what is computed, `replica journal` what comparisons recorded',
  ERR_CONFLICT_SETTLED: 'a settled conflict stays settled; what was decided can be judged anew by a further event',
  ERR_REVIEWER: 'a person decides, under a name like reviewer:ada and with a key of their own',
  ERR_SYNC_AUTH:
    "a hub's key comes from its operator, not from the wire; if it has a new one: replica peer rotate <id> --key <hex>",
  ERR_SYNC_FORBIDDEN: "the hub's operator must register your key: `replica keys show` prints it",
}

export function hintFor(error: ReplicaError): string | undefined {
  const own = error.facts.hint
  return typeof own === 'string' ? own : HINTS[error.code]
}
