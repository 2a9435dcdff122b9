// Reads whole frontiers that the command line names: a frontier.json, stdin, a `.vela` repository
// or a folder with a frontier.json. A repository, and a log that a diff reads, is imported into a
// store in memory, so that it gives the same frontier as `import`.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { hasCode } from '../../base/errors.ts'
import { isFrontierId } from '../../base/frontier-id.ts'
import { frontierNameOf } from '../../event/genesis.ts'
import { type EventLog, readLog } from '../../json/event-array-reader.ts'
import { splitRepository } from '../../projection/files/split.ts'
import type { LogReader } from '../../replica/import/import-reader.ts'
import { MemoryStore } from '../../store/memory-store.ts'
import { type FrontierFile, readFrontier } from '../../vela/files/frontier-file.ts'
import { fileError, hasErrno, isFolder } from '../error-hints.ts'
import type { InputStream } from '../io.ts'
import { openEvents, readWhole } from './event-files.ts'
import { readVelaFolder, velaRoot } from './vela-folder.ts'

export interface InputContext {
  readonly cwd: string
  readonly stdin: InputStream
}

/** Returns whether a word names a frontier of the store; `./vfr_…` names a file. */
export function isFrontierReference(word: string): boolean {
  return isFrontierId(word)
}

/**
 * Reads a file, a folder or `-` (stdin).
 * @throws ReplicaError ERR_USAGE if it does not exist; as readFrontier
 */
export async function readFrontierFile(name: string, place: InputContext): Promise<Uint8Array> {
  if (name === '-') return readWhole(name, place)
  const file = path.resolve(place.cwd, name)
  if (!(await isFolder(file))) return readWhole(file, place)
  const root = await velaRoot(file)
  return root === undefined ? readWhole(path.join(file, 'frontier.json'), place) : repositoryText(root)
}

/** The name for a repository that does not name its frontier; a comparison does not use it. */
const UNNAMED = 'vfr_0000000000000000'

async function repositoryText(root: string): Promise<Uint8Array> {
  const parts = splitRepository((await readVelaFolder(root)).files)
  const { Replica } = await import('../../replica/replica.ts')
  await using replica = await Replica.open({ location: new MemoryStore() })
  const name = parts.frontier ?? UNNAMED
  const { exportFrontier, importFrontier } = await import('../../projection/index.ts')
  await importFrontier(replica, { frontier: name, parts })
  return (await exportFrontier(replica, name)).text
}

/**
 * Opens a frontier, or a log of events: an array, JSON Lines, one event or a folder with one event
 * per file. The findings of a log are those that its events make.
 * @throws ReplicaError as readFrontierFile; ERR_JSON; as importing a log
 */
export async function openFrontierOrLog(name: string, place: InputContext): Promise<FrontierFile> {
  const folder = path.resolve(place.cwd, name)
  if (name !== '-' && (await isFolder(folder)) && !(await isFrontierFolder(folder))) {
    const { frontier, log } = await openEvents(name, place)
    return frontierOf(log, frontier)
  }
  const bytes = await readFrontierFile(name, place)
  const log = readLog(bytes)
  if (log.form === 'frontier') return readFrontier(bytes, { broken: 'keep' })
  try {
    // A frontier without a list of events has the form of one event.
    if (log.form === 'event') return readFrontier(bytes, { broken: 'keep' })
  } catch (error) {
    if (!hasCode(error, 'ERR_FRONTIER', 'ERR_FRONTIER_ID')) throw error
  }
  return frontierOf(() => textsOf(log), frontierNameOf(log))
}

async function isFrontierFolder(folder: string): Promise<boolean> {
  if ((await velaRoot(folder)) !== undefined) return true
  try {
    return (await fs.stat(path.join(folder, 'frontier.json'))).isFile()
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return false
    throw fileError(error, folder)
  }
}

async function frontierOf(log: LogReader, name = UNNAMED): Promise<FrontierFile> {
  const { Replica } = await import('../../replica/replica.ts')
  await using replica = await Replica.open({ location: new MemoryStore() })
  await replica.import(name, log)
  const { exportFrontier } = await import('../../projection/index.ts')
  return (await exportFrontier(replica, name)).file
}

function* textsOf(log: EventLog): Generator<Uint8Array> {
  for (const { text } of log.events()) yield text
}
