// The path of a store's control socket: `control.sock` in the store's folder. The operating system
// limits the path of a socket to about 100 bytes. For a longer path the socket is in a private
// folder below the system's temporary folder, and the file `control.path` in the store has its
// path. The socket is created in a private folder with mode 0600 and then moved, so that other
// users can never open it.

import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import { CLI_LIMITS } from '../../base/cli-limits.ts'
import { hasErrno } from '../error-hints.ts'

const SOCKET = 'control.sock'
const POINTER = 'control.path'

export interface SocketPath {
  /** The path to bind to. */
  readonly bind: string
  /** Makes the listening socket available to clients. */
  publish(): Promise<void>
  remove(): Promise<void>
}

/** Returns the path to connect to; undefined without a socket. */
export async function controlPath(location: string): Promise<string | undefined> {
  const direct = path.join(location, SOCKET)
  if (await isSocket(direct)) return direct
  const pointed = await readPointer(location)
  if (pointed === undefined || !(await isSocket(pointed))) return undefined
  // The folder is in a shared place: it must belong to the store's owner and be private.
  const [folder, store] = await Promise.all([fs.stat(path.dirname(pointed)), fs.stat(location)])
  return folder.uid === store.uid && (folder.mode & 0o077) === 0 ? pointed : undefined
}

/**
 * Prepares the path of a new socket and removes a stale one. Only the owner of the store may call
 * this.
 */
export async function prepareSocket(location: string): Promise<SocketPath> {
  await removeSocket(location)
  const near = path.join(location, `${SOCKET}.new`)
  return Buffer.byteLength(near) <= CLI_LIMITS.socketPathBytesMax ? socketInStore(location) : socketInTemp(location)
}

/** Removes the socket of a hub that has ended. Only the owner of the store may call this. */
export async function removeSocket(location: string): Promise<void> {
  const pointed = await readPointer(location)
  if (pointed !== undefined) await removeTempSocket(pointed)
  for (const name of [SOCKET, POINTER]) await fs.rm(path.join(location, name), { force: true })
}

async function socketInStore(location: string): Promise<SocketPath> {
  const folder = await fs.mkdtemp(path.join(location, '.c'))
  const bind = path.join(folder, 's')
  const target = path.join(location, SOCKET)
  return {
    bind,
    publish: async () => {
      await fs.chmod(bind, 0o600)
      await fs.rename(bind, target)
      await fs.rmdir(folder)
    },
    remove: () => removeSocket(location),
  }
}

async function socketInTemp(location: string): Promise<SocketPath> {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'replica-'))
  const bind = path.join(folder, SOCKET)
  const pointer = path.join(location, POINTER)
  return {
    bind,
    publish: async () => {
      await fs.chmod(bind, 0o600)
      await fs.writeFile(`${pointer}.new`, bind, { mode: 0o600 })
      await fs.rename(`${pointer}.new`, pointer)
    },
    remove: () => removeSocket(location),
  }
}

async function removeTempSocket(socket: string): Promise<void> {
  const folder = path.dirname(socket)
  if (path.dirname(folder) !== os.tmpdir() || !path.basename(folder).startsWith('replica-')) return
  await fs.rm(socket, { force: true })
  try {
    await fs.rmdir(folder)
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'ENOTEMPTY', 'EACCES', 'EPERM')) throw error
  }
}

async function readPointer(location: string): Promise<string | undefined> {
  try {
    const text = (await fs.readFile(path.join(location, POINTER), 'utf8')).trim()
    return path.isAbsolute(text) ? text : undefined
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

async function isSocket(file: string): Promise<boolean> {
  try {
    return (await fs.lstat(file)).isSocket()
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return false
    throw error
  }
}
