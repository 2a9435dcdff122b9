// Reads and writes a `.vela` repository. A read covers `.vela/` and the visible files that Vela
// writes beside it, and is limited in files, depth and bytes. It does not follow links or read
// keys, and reports both. A write creates the folder under a temporary name and renames it, so that
// a reader never sees a part of it. It never changes a folder that is not empty.

import { randomBytes } from 'node:crypto'
import * as fsSync from 'node:fs'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { CLI_LIMITS } from '../../base/cli-limits.ts'
import { ReplicaError } from '../../base/errors.ts'
import type { RepositoryFile } from '../../projection/files/split.ts'
import { fileError, hasErrno } from '../error-hints.ts'

/** The files and folders of Vela beside `.vela`. Others do not belong to the frontier. */
const VISIBLE = ['frontier.yaml', 'frontier.json', 'vela.lock', 'proof', 'sources', 'artifacts', 'review']

export interface VelaFolder {
  readonly files: readonly RepositoryFile[]
  /** Skipped links, keys and special files, at most 1,000. */
  readonly skipped: readonly string[]
}

const SKIPPED_MAX = 1000
const WRITES_AT_ONCE = 16

/**
 * Returns the parent folder of `.vela`, for that folder or `.vela` itself; undefined without
 * `.vela`.
 */
export async function velaRoot(folder: string): Promise<string | undefined> {
  const named = path.basename(folder) === '.vela' ? path.dirname(folder) : folder
  try {
    return (await fs.lstat(path.join(named, '.vela'))).isDirectory() ? named : undefined
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw fileError(error, folder)
  }
}

/**
 * Reads a repository.
 * @throws ReplicaError ERR_USAGE for too many files or bytes, or an unreadable file
 */
export async function readVelaFolder(root: string): Promise<VelaFolder> {
  const files: RepositoryFile[] = []
  const skipped: string[] = []
  let bytes = 0
  const skip = (name: string): void => {
    if (skipped.length < SKIPPED_MAX) skipped.push(name)
  }
  for await (const { name, kind } of walk(root)) {
    if (kind !== 'file' || name.endsWith('.key')) {
      skip(name)
      continue
    }
    const content = await readPlain(path.join(root, name), CLI_LIMITS.folderBytesMax - bytes)
    if (content === undefined) skip(name)
    else files.push({ path: name, bytes: content })
    bytes += content?.length ?? 0
    if (files.length > CLI_LIMITS.folderFilesMax) throw tooMuch(root)
  }
  return { files, skipped }
}

interface Found {
  readonly name: string
  readonly kind: 'file' | 'other'
}

/** Yields the files below the root, sorted by name in each folder. Does not yield folders. */
async function* walk(root: string): AsyncGenerator<Found> {
  const open = ['.vela', ...VISIBLE].reverse()
  while (open.length > 0) {
    const name = open.pop()!
    const full = path.join(root, name)
    const stat = await fs.lstat(full).catch(error => {
      if (hasErrno(error, 'ENOENT')) return undefined
      throw fileError(error, full)
    })
    if (stat === undefined) continue
    if (!stat.isDirectory()) {
      yield { name, kind: stat.isFile() ? 'file' : 'other' }
      continue
    }
    if (name.split('/').length > CLI_LIMITS.folderDepthMax) throw tooMuch(root)
    const names = await fs.readdir(full)
    if (names.length + open.length > CLI_LIMITS.folderFilesMax) throw tooMuch(root)
    for (const inside of names.sort().reverse()) open.push(`${name}/${inside}`)
  }
}

/** Reads a regular file; undefined if it is no longer one. */
async function readPlain(file: string, bytesMax: number): Promise<Uint8Array | undefined> {
  let handle: fs.FileHandle
  try {
    handle = await fs.open(file, fsSync.constants.O_RDONLY | fsSync.constants.O_NOFOLLOW)
  } catch (error) {
    if (hasErrno(error, 'ELOOP', 'ENOENT')) return undefined
    throw fileError(error, file)
  }
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) return undefined
    if (stat.size > bytesMax) throw tooMuch(file)
    const content = new Uint8Array(stat.size)
    const { bytesRead } = await handle.read(content, 0, stat.size, 0)
    return content.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

function tooMuch(place: string): ReplicaError {
  const { folderFilesMax, folderBytesMax, folderDepthMax } = CLI_LIMITS
  const limits = `${folderFilesMax} files, ${folderBytesMax} bytes and ${folderDepthMax} levels`
  return new ReplicaError('ERR_USAGE', `${place} is too large for one import: the limits are ${limits}`)
}

/**
 * Writes a repository to a new or empty folder.
 * @throws ReplicaError ERR_USAGE if the folder is not empty
 */
export async function writeVelaFolder(folder: string, files: readonly RepositoryFile[]): Promise<void> {
  const fresh = `${folder}.${randomBytes(4).toString('hex')}.new`
  try {
    await fs.mkdir(fresh)
    for (const parent of new Set(files.map(file => path.dirname(path.join(fresh, file.path)))))
      await fs.mkdir(parent, { recursive: true })
    for (let from = 0; from < files.length; from += WRITES_AT_ONCE) {
      const turn = files.slice(from, from + WRITES_AT_ONCE)
      // All writes end before a failure removes the folder.
      const written = await Promise.allSettled(turn.map(file => writeFile(path.join(fresh, file.path), file.bytes)))
      for (const one of written) if (one.status === 'rejected') throw one.reason
    }
    await fs.rename(fresh, folder)
  } catch (error) {
    await fs.rm(fresh, { recursive: true, force: true })
    if (hasErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR'))
      throw new ReplicaError('ERR_USAGE', `${folder} already exists and is not an empty folder`, { cause: error })
    throw fileError(error, folder)
  }
}

async function writeFile(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await fs.open(file, 'wx')
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
