// The whole frontier of what this replica holds now (protocol/frontier.md, F20 to F22): a frontier.json, or the files of a `.vela`
// repository. Equal logs give equal bytes, on whatever replica.

import { utf8 } from '../bytes.ts'
import { hasCode } from '../errors.ts'
import { readEvent } from '../vela/event.ts'
import { type Frontier as FrontierFile, readFrontier } from '../vela/frontier-file.ts'
import { printJson } from '../vela/json.ts'
import type { Json } from '../vela/value.ts'
import { isStanding } from './carriers.ts'
import type { Home } from './home.ts'
import { basisOf, filesOf } from './whole-basis.ts'
import { type Joined, joinFrontier, proposalsIn } from './whole-join.ts'
import { readWholeLog, type WholeLog } from './whole-log.ts'
import { repositoryFiles } from './whole-repository.ts'
import type { RepositoryFile } from './whole-split.ts'

export interface WholeFrontier {
  readonly file: FrontierFile
  /** Canonical JSON, UTF-8: the frontier.json. */
  readonly text: Uint8Array
}

/** @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_NOT_FOUND for a document that isn't here, ERR_STORE_CORRUPT */
export async function wholeFrontier(home: Home, frontier: string): Promise<WholeFrontier> {
  const log = await logOf(home, frontier)
  const text = wholeText(log, joined(log))
  return { file: readFrontier(text), text }
}

/** The files of a repository, with the frontier.json among them where it came as a file or with one. @throws as wholeFrontier does */
export async function wholeRepository(home: Home, frontier: string): Promise<RepositoryFile[]> {
  const log = await logOf(home, frontier)
  const whole = joined(log)
  const files = log.base === undefined ? undefined : filesOf(log.base, log)
  return repositoryFiles(whole, { files, text: wholeText(log, whole) })
}

function logOf(home: Home, name: string): Promise<WholeLog> {
  const frontier = home.at(name)
  return readWholeLog(frontier, key => isStanding(frontier.registry, home.hubId, key))
}

function joined(log: WholeLog): Joined {
  return joinFrontier(basisOf(log), log.events, proposalsIn(log.documents.values()))
}

function wholeText({ base }: WholeLog, { members, events }: Joined): Uint8Array {
  const hasNone = base !== undefined && base.events === undefined && events.length === 0
  return utf8(printJson(hasNone ? members : new Map(members).set('events', eventList(events))))
}

/** What a repository had among its events and is none is no event of a frontier file, which nobody could read with it. */
function eventList(events: Joined['events']): Json[] {
  return events.filter(({ value, event }) => event !== undefined || isEvent(value)).map(({ value }) => value)
}

function isEvent(value: Json): boolean {
  try {
    readEvent(printJson(value))
    return true
  } catch (error) {
    if (!hasCode(error)) throw error
    return false
  }
}
