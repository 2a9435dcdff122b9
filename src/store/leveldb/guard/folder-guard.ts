// Keeps a store away from a folder that is no longer its own. LevelDB names files by their path, so
// after the folder was replaced it would delete and overwrite the files of the new store. On Linux
// the databases are opened below the descriptor of the folder, which names the folder that was
// opened wherever it is moved. Before each write, and every half second, the guard compares the
// identity of the folder and of the files that only an open writes.
// Spec: protocol/store.md, T30.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { ReplicaError } from '../../../base/errors.ts'

/** Files that no write changes while the store is open. */
const WATCHED = ['store.json', 'log/LOCK', 'log/CURRENT', 'held/CURRENT'] as const

/** The folder of an open store. */
export class FolderGuard {
  /** Path of the folder for the operating system. */
  readonly path: string
  readonly #folder: string
  readonly #descriptor: number | undefined
  readonly #identity: string | undefined
  #files: readonly (string | undefined)[] | undefined

  /** @throws the error of the file system */
  constructor(folder: string) {
    this.#folder = folder
    this.#identity = identityOf(folder)
    const descriptor = fs.openSync(folder, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
    const own = `/proc/self/fd/${descriptor}`
    const isNamed = identityOf(own) !== undefined && identityOf(own) === this.#identity
    if (!isNamed) fs.closeSync(descriptor)
    this.#descriptor = isNamed ? descriptor : undefined
    this.path = isNamed ? own : folder
  }

  /** Remembers the files as this open has left them. */
  remember(): void {
    this.#files = this.#states()
  }

  /** Returns the error for a folder that is no longer the store's own; undefined if it is. */
  fault(): ReplicaError | undefined {
    const found = identityOf(this.#folder)
    if (found === undefined) return this.#error('was removed or moved')
    if (found !== this.#identity) return this.#error('was replaced by another folder')
    const files = this.#files
    if (files === undefined) return undefined
    const now = this.#states()
    const changed = WATCHED.find((_, at) => now[at] !== files[at])
    if (changed === undefined) return undefined
    return this.#error(`was changed by another process (${changed})`)
  }

  close(): void {
    if (this.#descriptor !== undefined) fs.closeSync(this.#descriptor)
  }

  #states(): (string | undefined)[] {
    return WATCHED.map(name => stateOf(path.join(this.path, name)))
  }

  #error(reason: string): ReplicaError {
    const message = `the folder of the open store ${reason}: ${this.#folder}; this process writes nothing more`
    const hint = 'stop this process before a store is moved, restored or removed, then start it on the right folder'
    return new ReplicaError('ERR_STORE_REPLACED', message, { facts: { hint } })
  }
}

function identityOf(folder: string): string | undefined {
  const found = fs.statSync(folder, { throwIfNoEntry: false, bigint: true })
  return found === undefined ? undefined : `${found.dev} ${found.ino}`
}

function stateOf(file: string): string | undefined {
  const found = fs.statSync(file, { throwIfNoEntry: false, bigint: true })
  return found === undefined ? undefined : `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs}`
}
