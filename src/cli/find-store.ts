// Finds the store and retries while another process has it open. As with git, --dir or REPLICA_DIR
// names the store, else the nearest folder `.replica` in the working folder or above it is the
// store. A named folder is the store itself or the parent of its `.replica`. A store that was found
// and not named must belong to the user who runs the command. Otherwise an attacker could plant a
// store in a shared folder and have its key or its socket used.

import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CLI_LIMITS } from '../base/cli-limits.ts'
import { hasCode, ReplicaError } from '../base/errors.ts'

export const STORE_FOLDER = '.replica'

/**
 * Returns the absolute path of an existing store.
 * @throws ReplicaError ERR_STORE_MISSING
 */
export async function findStore(options: { cwd: string; dir: string | undefined }): Promise<string> {
  if (options.dir !== undefined) return namedStore(path.resolve(options.cwd, options.dir))
  for (let folder = path.resolve(options.cwd); ; folder = path.dirname(folder)) {
    const candidate = path.basename(folder) === STORE_FOLDER ? folder : path.join(folder, STORE_FOLDER)
    if (await isFolder(candidate)) return ownStore(candidate)
    if (folder === path.dirname(folder)) break
  }
  throw new ReplicaError('ERR_STORE_MISSING', `no ${STORE_FOLDER} folder in ${options.cwd} or above it`)
}

/** Returns the absolute path at which `init` and `clone` create the store of `folder`. */
export function storeIn(cwd: string, folder: string): string {
  const absolute = path.resolve(cwd, folder)
  return path.basename(absolute) === STORE_FOLDER ? absolute : path.join(absolute, STORE_FOLDER)
}

async function namedStore(folder: string): Promise<string> {
  const inside = path.join(folder, STORE_FOLDER)
  if (await isFolder(inside)) return inside
  if (await isFolder(folder)) return folder
  throw new ReplicaError('ERR_STORE_MISSING', `no store at ${folder}`)
}

async function ownStore(folder: string): Promise<string> {
  const { uid } = os.userInfo()
  const owner = (await fs.stat(folder)).uid
  if (uid < 0 || owner === uid) return folder
  throw new ReplicaError('ERR_STORE_MISSING', `the store found at ${folder} belongs to another user`, {
    facts: { hint: `to use it anyway: --dir ${folder}` },
  })
}

async function isFolder(folder: string): Promise<boolean> {
  try {
    return (await fs.stat(folder)).isDirectory()
  } catch {
    return false
  }
}

/**
 * Calls `open` and retries while the store is locked, for at most `lockWaitMsMax`. Two short
 * commands, or a hub that starts while a command ends, do not fail on each other.
 * @throws ReplicaError ERR_STORE_LOCKED
 */
export async function retryWhileLocked<T>(signal: AbortSignal, open: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + CLI_LIMITS.lockWaitMsMax
  for (;;) {
    try {
      return await open()
    } catch (error) {
      if (!hasCode(error, 'ERR_STORE_LOCKED') || performance.now() > deadline) throw error
    }
    await delay(CLI_LIMITS.lockRetryMs, undefined, { signal })
  }
}
