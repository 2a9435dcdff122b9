// Converts errors of the operating system to ReplicaErrors, and adds hints to errors. A message
// says what happened; a hint says what the user can do.

import * as fs from 'node:fs/promises'
import { type ErrorCode, ReplicaError } from '../base/errors.ts'

export function hasErrno(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code)
}

const WORDS: Record<string, string> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EACCES: 'is not accessible for this user',
  EPERM: 'is not accessible for this user',
  EISDIR: 'is a folder',
  EEXIST: 'already exists',
}

/**
 * Converts an error about a file that the user named: ERR_USAGE, or ERR_STORE_IO for an I/O error.
 */
export function fileError(error: unknown, file: string): unknown {
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) return error
  if (error instanceof ReplicaError) return error
  const words = WORDS[error.code]
  if (words !== undefined) return new ReplicaError('ERR_USAGE', `${file} ${words}`, { cause: error })
  if (!/^E[A-Z0-9]+$/.test(error.code)) return error
  return new ReplicaError('ERR_STORE_IO', `${file}: ${error.message}`, { cause: error })
}

/**
 * Returns whether a folder has this name; false if nothing has it.
 * @throws ReplicaError as fileError
 */
export async function isFolder(file: string): Promise<boolean> {
  try {
    return (await fs.stat(file)).isDirectory()
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return false
    throw fileError(error, file)
  }
}

/** The default hint of a code. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  ERR_STORE_MISSING: 'create a store here with `replica init`, or name one with --dir <folder>',
  ERR_STORE_LOCKED: 'wait until the other process ends, or stop it; while `replica serve` runs, commands run inside it',
  ERR_STORE_CORRUPT: '`replica verify` lists the faults; a new store can clone the frontier from a peer',
  ERR_STORE_EXISTS: 'choose another folder, or use the existing one',
  ERR_KEY_FILE:
    'the key file must be a regular file that only its owner can read (chmod 600); to use a copy: replica keys use <file>',
  ERR_FRONTIER_UNKNOWN:
    '`replica frontier list` lists the frontiers of this store, `replica frontier track <vfr>` adds one',
  ERR_FRONTIER_ID: 'a frontier name is vfr_ and 16 lower-case hex digits',
  ERR_PEER_UNKNOWN: '`replica peer list` lists the registered peers',
  ERR_PEER_KEY_CHANGED: 'if the hub has a new key: replica peer rotate <id> --key <hex>',
  ERR_PEER_URL: 'a peer on another machine needs wss:// or https://; --allow-plain allows unencrypted links',
  ERR_SYNC_CONNECT: 'check that the hub is running and that the address is right',
  ERR_SYNC_CLOSED: 'acknowledged nodes are durable; run the command again when the hub is back to get the rest',
  ERR_FETCH: 'check the hub and its registered key; private hosts need --allow-private, http:// needs --allow-plain',
  ERR_CONFLICT_UNKNOWN:
    'list computed conflicts with `replica conflicts`, recorded ones with `replica conflicts list --recorded`',
  ERR_CONFLICT_SETTLED: 'a settled conflict stays settled; a later event can still change the value',
  ERR_REVIEWER: 'a person must decide, with an id such as reviewer:ada and their own key',
  ERR_SYNC_AUTH:
    "get a hub's key from its operator, not over the network; if the key is new: replica peer rotate <id> --key <hex>",
  ERR_SYNC_FORBIDDEN: "ask the hub's operator to register your key; `replica keys show` prints it",
}

/** Returns the hint of an error: its own, else the default of its code. */
export function hintFor(error: ReplicaError): string | undefined {
  const own = error.facts.hint
  return typeof own === 'string' ? own : HINTS[error.code]
}
