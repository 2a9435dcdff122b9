// Converts between a `.vela` repository and a frontier file. Paths come from checked documents or
// from plain ids, so that no file is written outside the folder. Pure. Spec: protocol/frontier.md,
// F21, F22.

import { utf8 } from '../../base/bytes.ts'
import { hasCode } from '../../base/errors.ts'
import { parseJson, printJson } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import { readFrontier } from '../../vela/files/frontier-file.ts'
import { idOf, listOf } from './base-document.ts'
import { configFiles, configOf, type RepositoryFile } from './config.ts'
import type { BaseDocument, Joined } from './join.ts'

type Members = Map<string, Json>

/** Folders with one record per file, and their members in a frontier file. */
const FOLDERS: Readonly<Record<string, string>> = {
  findings: 'findings',
  proposals: 'proposals',
  replications: 'replications',
  datasets: 'datasets',
  'code-artifacts': 'code_artifacts',
  artifacts: 'artifacts',
  predictions: 'predictions',
  resolutions: 'resolutions',
  reviews: 'review_events',
  'confidence-updates': 'confidence_updates',
}

const FILES: Readonly<Record<string, string>> = {
  'actors.json': 'actors',
  'peers.json': 'peers',
  'signatures.json': 'signatures',
  'proof-state.json': 'proof_state',
}

/**
 * Returns the members of the frontier of a repository, without events: those of its frontier.json,
 * replaced by its records if they differ.
 */
export function repositoryMembers(
  files: readonly RepositoryFile[],
  bare: ReadonlyMap<string, Json>,
): Pick<BaseDocument, 'members' | 'own'> {
  const given = membersIn(files)
  const members = given ?? configured(files, bare)
  for (const [folder, member] of Object.entries(FOLDERS)) {
    const prefix = `.vela/${folder}/`
    const records = files
      .filter(({ path }) => path.startsWith(prefix) && path.endsWith('.json'))
      .flatMap(({ bytes }) => parsed(bytes))
    if (records.length > 0 && !sameRecords(records, listOf(members, member))) members.set(member, records)
  }
  for (const [name, member] of Object.entries(FILES)) {
    const file = files.find(({ path }) => path === `.vela/${name}`)
    const [value] = file === undefined ? [] : parsed(file.bytes)
    if (value !== undefined && (Array.isArray(value) || member === 'proof_state')) members.set(member, value)
  }
  return given === undefined ? { members, own: 'repository' } : { members }
}

function membersIn(files: readonly RepositoryFile[]): Members | undefined {
  const file = files.find(({ path }) => path === 'frontier.json')
  if (file === undefined) return undefined
  try {
    const members = new Map(readFrontier(file.bytes, { numbers: 'exact', broken: 'keep' }).members)
    members.delete('events')
    return members
  } catch (error) {
    if (!hasCode(error)) throw error
    return undefined
  }
}

function configured(files: readonly RepositoryFile[], bare: ReadonlyMap<string, Json>): Members {
  const { frontier_id: _, ...config } = configOf(files)
  const meta = new Map(bare.get('frontier') as Members)
  for (const [name, value] of Object.entries(config)) meta.set(name, value as Json)
  return new Map(bare).set('frontier', meta)
}

/** Compares as sets, by canonical texts. */
function sameRecords(a: readonly Json[], b: readonly Json[]): boolean {
  const texts = new Set(a.map(printJson))
  return a.length === b.length && b.every(record => texts.has(printJson(record)))
}

function parsed(bytes: Uint8Array): Json[] {
  try {
    return [parseJson(bytes, { numbers: 'exact' })]
  } catch (error) {
    if (!hasCode(error, 'ERR_JSON')) throw error
    return []
  }
}

interface RepositoryParts {
  /** Name of the frontier. */
  readonly frontier: string
  /** Undefined for a frontier that was imported from a file or a log. */
  readonly files: readonly RepositoryFile[] | undefined
  /** Text of the frontier.json. */
  readonly text: Uint8Array
}

/**
 * Returns the files of a repository: the imported ones with the changes of later events; for a
 * frontier imported from a file, all files made from it.
 */
export function repositoryFiles(joined: Joined, { frontier, files, text }: RepositoryParts): RepositoryFile[] {
  const result = new Map<string, Uint8Array>()
  const put = (path: string, value: Json): void => {
    result.set(path, utf8(`${printJson(value)}\n`))
  }
  if (files === undefined) {
    for (const { path, text: config } of configFiles(frontier, joined.members.get('frontier')))
      result.set(path, utf8(config))
    describe(joined.members, put)
  }
  for (const { path, bytes } of files ?? []) result.set(path, bytes)
  if (files === undefined || (result.has('frontier.json') && joined.later)) result.set('frontier.json', text)
  for (const proposal of joined.proposals) {
    const path = recordPath('proposals', proposal)
    if (path !== undefined) put(path, proposal)
  }
  for (const [table, objects] of joined.changed) {
    if (FOLDERS[table] === undefined) continue
    for (const object of objects.values()) {
      const path = recordPath(table, object)
      if (path !== undefined) put(path, object)
    }
  }
  for (const { value, event, path } of joined.events) {
    const usual = path ?? recordPath('events', value) ?? (event && `.vela/events/${event.head.id}.json`)
    const taken = usual !== undefined && result.has(usual) && event !== undefined
    const place = taken ? `.vela/events/${event.head.id}.${event.digest.slice(0, 16)}.json` : usual
    // A refused file that is not JSON is kept as its text.
    if (place !== undefined && typeof value === 'string') result.set(place, utf8(value))
    else if (place !== undefined) put(place, value)
  }
  return [...result].map(([path, bytes]) => ({ path, bytes }))
}

function describe(members: ReadonlyMap<string, Json>, put: (path: string, value: Json) => void): void {
  for (const [folder, member] of Object.entries(FOLDERS)) {
    for (const record of listOf(members, member)) {
      const path = recordPath(folder, record)
      if (path !== undefined) put(path, record)
    }
  }
  for (const [name, member] of Object.entries(FILES)) {
    const value = members.get(member)
    if (value !== undefined) put(`.vela/${name}`, value)
  }
}

/**
 * Returns the path of a record; undefined for an id that is not plain. Such a record is in
 * frontier.json only.
 */
function recordPath(folder: string, record: Json): string | undefined {
  const id = idOf(record)
  return id !== undefined && /^[a-z]{1,16}_[a-z0-9_-]{1,128}$/.test(id) ? `.vela/${folder}/${id}.json` : undefined
}
