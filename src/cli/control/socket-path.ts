// Where the control socket of a store is: `control.sock` in the store's folder. A socket's path may hold about a hundred
// bytes only; for a longer one the socket lies in a private folder under the system's temporary folder, and the file
// `control.path` in the store says where. The socket is made out of sight with mode 0600 and then moved into place,
// so at no moment can another user open it.

import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import { CLI_LIMITS } from '../../base/limits.ts'
import { hasErrno } from '../error-hints.ts'

const SOCKET = 'control.sock'
const POINTER = 'control.path'

export interface SocketPath {
  /** Bind here … */
  readonly bind: string
  /** … and call this when it listens. */
  publish(): Promise<void>
  remove(): Promise<void>
}

/** The path to connect to, or undefined when no socket lies there. */
export async function controlPath(location: string): Promise<string | undefined> {
  const direct = path.join(location, SOCKET)
  if (await isSocket(direct)) return direct
  const pointed = await readPointer(location)
  if (pointed === undefined || !(await isSocket(pointed))) return undefined
  // A folder in a shared place could be anybody's by now.
  const [folder, store] = await Promise.all([fs.stat(path.dirname(pointed)), fs.stat(location)])
  return folder.uid === store.uid && (folder.mode & 0o077) === 0 ? pointed : undefined
}

/** Prepares a place for a new socket. Only the process that owns the store may call this: what lies there is stale. */
export async function prepareSocket(location: string): Promise<SocketPath> {
  await removeSocket(location)
  const near = path.join(location, `${SOCKET}.new`)
  return Buffer.byteLength(near) <= CLI_LIMITS.socketPathBytesMax ? socketInStore(location) : socketInTemp(location)
}

/** Takes away what a hub that is gone has left. Only the process that owns the store may call this. */
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
