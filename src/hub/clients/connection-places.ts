// How many connections a hub accepts, so that its store can always open files.

import { SOCKET_LIMITS } from '../../base/limits.ts'

const { connectionsMax, connectionsMin, reservedFiles } = SOCKET_LIMITS
/** LevelDB keeps up to a fifth of the open files of a process for table files. */
const STORE_SHARE = 0.2

/**
 * Returns the number of connections for a process that may open `openFilesMax` files; undefined if
 * the number is unknown.
 */
export function connectionPlaces(openFilesMax: number | undefined): number {
  if (openFilesMax === undefined) return connectionsMax
  const free = Math.floor(openFilesMax * (1 - STORE_SHARE)) - reservedFiles
  return Math.max(connectionsMin, Math.min(connectionsMax, free))
}
