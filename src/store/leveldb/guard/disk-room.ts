// The room on the disk of a store. Writes are refused while little room is left, because LevelDB
// cannot go on after a failed write. A reserve file keeps some room for the close and the next
// open.
// Spec: protocol/store.md, T31.

import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { diskError } from '../../../base/disk-error.ts'
import { ReplicaError } from '../../../base/errors.ts'
import { STORE_LIMITS } from '../../../base/limits.ts'

const RESERVE = 'reserve'
const { roomBytesMin, roomAgainBytesMin, reserveBytes } = STORE_LIMITS

/**
 * Returns the bytes that this user may still write in `folder`.
 * @throws the error of the file system
 */
export function roomIn(folder: string): number {
  const { bavail, bsize } = fs.statfsSync(folder)
  return bavail * bsize
}

/**
 * Returns the error for `room` free bytes; undefined if they are enough. After a refusal (`isLow`),
 * more room is wanted, so that the state does not change all the time.
 */
export function roomFault(room: number, { isLow }: { isLow: boolean }): ReplicaError | undefined {
  if (room >= (isLow ? roomAgainBytesMin : roomBytesMin)) return undefined
  const { errno, words, hint } = diskError('ENOSPC')!
  const message = `${words}: ${Math.floor(room / 1024)} KiB are free, and a store writes nothing below ${roomBytesMin / 1024} KiB`
  return new ReplicaError('ERR_STORE_IO', message, { facts: { errno, hint } })
}

/**
 * Writes the reserve file if it is missing, which also shows that there is room. Returns whether it
 * is there.
 */
export function takeReserve(folder: string): boolean {
  const file = path.join(folder, RESERVE)
  if (fs.statSync(file, { throwIfNoEntry: false })?.size === reserveBytes) return true
  try {
    // Random bytes: a file system that compresses or deduplicates must keep the room too.
    const descriptor = fs.openSync(file, 'w', 0o600)
    try {
      fs.writeFileSync(descriptor, randomBytes(reserveBytes))
      fs.fsyncSync(descriptor)
    } finally {
      fs.closeSync(descriptor)
    }
    return true
  } catch (error) {
    if (diskError(String((error as NodeJS.ErrnoException).code)) === undefined) throw error
    releaseReserve(folder)
    return false
  }
}

/** Removes the reserve file, so that the store can be closed and opened. */
export function releaseReserve(folder: string): void {
  fs.rmSync(path.join(folder, RESERVE), { force: true })
}
