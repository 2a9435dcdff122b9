// Reads whole frontiers that the command line names: a frontier.json, stdin, a `.vela` repository
// or a folder with a frontier.json. A repository is imported into a store in memory, so that it
// gives the same frontier as `import`.

import * as path from 'node:path'
import { isFrontierId } from '../../base/frontier-id.ts'
import { splitRepository } from '../../projection/files/split.ts'
import { MemoryStore } from '../../store/memory-store.ts'
import { type FrontierFile, readFrontier } from '../../vela/files/frontier-file.ts'
import { isFolder } from '../error-hints.ts'
import type { InputStream } from '../io.ts'
import { readWhole } from './event-files.ts'
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

/** Reads and parses a frontier. @throws as readFrontierFile */
export async function openFrontierFile(name: string, place: InputContext): Promise<FrontierFile> {
  return readFrontier(await readFrontierFile(name, place), { broken: 'keep' })
}
