// Where the store is. Like git: named by --dir or REPLICA_DIR, else the nearest folder `.replica` here or above. A
// named folder is the store itself or the folder that has it as `.replica`. A store that is merely found must belong
// to the user who runs the verb: else a folder planted in a shared place could have its key used, or its socket spoken to.

import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { hasCode, ReplicaError } from '../base/errors.ts'
import { CLI_LIMITS } from '../base/limits.ts'

export const STORE_FOLDER = '.replica'

/**
 * The folder of an existing store, absolute.
 * @throws ReplicaError ERR_STORE_MISSING
 */
export async function findStore(options: { cwd: string; dir: string | undefined }): Promise<string> {
  if (options.dir !== undefined) return namedStore(path.resolve(options.cwd, options.dir))
  for (let folder = path.resolve(options.cwd); ; folder = path.dirname(folder)) {
    const candidate = path.basename(folder) === STORE_FOLDER ? folder : path.join(folder, STORE_FOLDER)
    if (await isFolder(candidate)) return ownStore(candidate)
    if (folder === path.dirname(folder)) break
  }
  throw new ReplicaError('ERR_STORE_MISSING', `there is no ${STORE_FOLDER} folder in ${options.cwd} or above it`)
}

/** Where `init` and `clone` put a store for `folder`, absolute; it need not exist. */
export function storeIn(cwd: string, folder: string): string {
  const absolute = path.resolve(cwd, folder)
  return path.basename(absolute) === STORE_FOLDER ? absolute : path.join(absolute, STORE_FOLDER)
}

async function namedStore(folder: string): Promise<string> {
  const inside = path.join(folder, STORE_FOLDER)
  if (await isFolder(inside)) return inside
  if (await isFolder(folder)) return folder
  throw new ReplicaError('ERR_STORE_MISSING', `there is no store at ${folder}`)
}

async function ownStore(folder: string): Promise<string> {
  const { uid } = os.userInfo()
  const owner = (await fs.stat(folder)).uid
  if (uid < 0 || owner === uid) return folder
  throw new ReplicaError('ERR_STORE_MISSING', `the store found at ${folder} belongs to another user`, {
    facts: { hint: `use it all the same with --dir ${folder}` },
  })
}

async function isFolder(folder: string): Promise<boolean> {
  try {
    return (await fs.stat(folder)).isDirectory()
  } catch {
    return false
  }
}

/** Calls `open` again and again while the store is locked, for about two seconds. @throws ReplicaError ERR_STORE_LOCKED */
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
