// Splits a whole frontier for import: its events for the log, everything else for documents. The
// source is a frontier file or the files of a `.vela` repository; join.ts is the inverse. Pure.
// Spec: protocol/frontier.md, F16 to F18.

import { sha256, toHex, utf8 } from '../../base/bytes.ts'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import { isFrontierId } from '../../base/frontier-id.ts'
import { compareText } from '../../base/text.ts'
import { type EventReading, importEvent } from '../../event/event.ts'
import { genesisName, nameOfMeta } from '../../event/genesis.ts'
import { readLog } from '../../json/event-array-reader.ts'
import { parseJson, printJson } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import { chunkDocument } from '../../node/document-chunks.ts'
import type { DocumentLink } from '../../node/schema.ts'
import { readFindings, readFrontier, type Unread } from '../../vela/files/frontier-file.ts'
import { byTimestamp } from '../../vela/hashes/target-hash-chain.ts'
import { payloadOf } from '../../vela/payloads.ts'
import {
  type Base,
  type BaseEvent,
  type BaseFile,
  type BasePart,
  isPlainPath,
  linkText,
  printBase,
} from './base-document.ts'
import { type Config, configOf, type RepositoryFile } from './config.ts'

export type { RepositoryFile }

/** A document with its link. */
export interface Document {
  readonly link: DocumentLink
  readonly bytes: Uint8Array
}

/** A frontier split into events and documents. */
export interface SplitFrontier {
  /** Name of the frontier, if it states one. */
  readonly frontier: string | undefined
  /** Texts of the events, in the order of the chain. */
  readonly events: readonly Uint8Array[]
  /** Returns the file of the event at an index, if each has its own. */
  readonly fileOf: (index: number) => string | undefined
  /** Returns the base document for a frontier of this name. */
  readonly base: (frontier: string) => Document
  /**
   * Proposals with a document of their own, by the digest of the event that names them, 64 hex
   * digits.
   */
  readonly proposals: ReadonlyMap<string, readonly Document[]>
  /** Time of compilation, if the frontier states it. */
  readonly compiledAt: string | undefined
  /** Unreadable findings: they are kept, but neither compared nor replayed. */
  readonly unread: readonly Unread[]
}

/**
 * An event of the source, in its form there and in its stored form; undefined if the log refuses
 * it.
 */
interface Entry {
  readonly raw: Uint8Array
  readonly path: string | undefined
  readonly reading: EventReading | undefined
  readonly digest: string | undefined
}

/**
 * Splits a frontier.json.
 * @throws ReplicaError as `readFrontier`; ERR_JSON for 127 levels, ERR_DOCUMENT for more than a
 * document holds
 */
export function splitFrontier(bytes: Uint8Array): SplitFrontier {
  const { id, members, unread } = readFrontier(bytes, { numbers: 'exact', broken: 'keep' })
  // Without this member the file would be read as one event.
  const texts = members.has('events') ? readLog(bytes).events() : []
  const entries = Array.from(texts, ({ text }) => entryOf(text, undefined))
  const rest = new Map(members)
  rest.delete('events')
  rest.delete('proposals')
  const wanted = pointedTo(entries)
  const proposals = new Map<string, Document[]>()
  const list = members.get('proposals') as readonly Json[] | undefined
  const parts = list?.map((value): BasePart => {
    const pointing = value instanceof Map ? wanted.get(value.get('id')) : undefined
    if (pointing === undefined) return { value }
    return { link: linked(proposals, { pointing, bytes: utf8(printJson(value)) }) }
  })
  const events = members.has('events') ? entries.map(printed) : undefined
  const base = { members: rest, events, proposals: parts, files: undefined }
  const meta = members.get('frontier') as Map<string, Json>
  // Made now, so that too deep nesting is refused before anything is written.
  const document = baseOf(base)(id)
  return {
    frontier: id,
    events: entries.map(({ raw }) => raw),
    fileOf: () => undefined,
    base: frontier => (frontier === id ? document : baseOf(base)(frontier)),
    proposals,
    compiledAt: meta.get('compiled_at') as string,
    unread: unread.filter(({ list: of }) => of === 'findings'),
  }
}

const EVENTS = '.vela/events/'
const PROPOSALS = '.vela/proposals/'

/**
 * Splits the files of a `.vela` repository.
 * @throws ReplicaError ERR_FRONTIER for a path that leaves the folder
 */
export function splitRepository(repository: readonly RepositoryFile[]): SplitFrontier {
  const files = [...repository].sort((a, b) => compareText(a.path, b.path))
  for (const { path } of files)
    if (!isPlainPath(path))
      throw new ReplicaError('ERR_FRONTIER', `a file of a repository has the path '${path.slice(0, 80)}'`)
  const found = files.filter(({ path }) => isEventPath(path)).map(({ path, bytes }) => entryOf(bytes, path))
  const frontierFile = files.find(({ path }) => path === 'frontier.json')?.bytes
  const entries = ordered(found, frontierFile)
  const wanted = pointedTo(entries)
  const proposals = new Map<string, Document[]>()
  // A refused file that is not text can't be listed among the events of a document. It is kept as a
  // file.
  const kept = entries.filter(({ raw, reading }) => reading !== undefined || isText(raw))
  const places = new Set(kept.map(({ path }) => path))
  const rest = files
    .filter(({ path }) => !places.has(path))
    .map(({ path, bytes }): BaseFile => {
      const id = path.startsWith(PROPOSALS) ? path.slice(PROPOSALS.length).replace(/\.json$/, '') : undefined
      const pointing = id === undefined ? undefined : wanted.get(id)
      return { path, content: pointing === undefined ? bytes : linked(proposals, { pointing, bytes }) }
    })
  const base = { members: new Map(), events: kept.map(printed), proposals: undefined, files: rest }
  const meta = configOf(files)
  return {
    frontier: nameOf({ meta, frontierFile, entries }),
    events: entries.map(({ raw }) => raw),
    fileOf: index => entries[index]?.path,
    base: baseOf(base),
    proposals,
    compiledAt: meta.compiled_at ?? entries.at(-1)?.reading?.head.timestamp,
    unread: unreadRecords(files),
  }
}

/** Returns unreadable findings by their order among the records. */
function unreadRecords(files: readonly RepositoryFile[]): Unread[] {
  const records = files.filter(({ path }) => path.startsWith('.vela/findings/') && path.endsWith('.json'))
  const unread: Unread[] = []
  // A record that is not JSON is an unreadable finding.
  readFindings(
    records.map(({ bytes }) => jsonIn(bytes) ?? null),
    unread,
  )
  return unread.map(one => ({ ...one, reason: `${records[one.index]!.path}: ${one.reason}` }))
}

function isEventPath(path: string): boolean {
  return path.startsWith(EVENTS) && path.endsWith('.json') && !path.slice(EVENTS.length).includes('/')
}

function isText(bytes: Uint8Array): boolean {
  return Buffer.from(Buffer.from(bytes).toString('utf8')).equals(bytes)
}

function entryOf(raw: Uint8Array, path: string | undefined): Entry {
  try {
    const reading = importEvent(raw)
    return { raw, path, reading, digest: toHex(sha256(reading.text)) }
  } catch (error) {
    if (!hasCode(error)) throw error
    return { raw, path, reading: undefined, digest: undefined }
  }
}

/** Returns the entry in the base document. A refused file that is not JSON is kept as text. */
function printed({ raw, path, reading, digest }: Entry): BaseEvent {
  const value = jsonIn(raw)
  const stored = reading === undefined ? undefined : Buffer.from(reading.text).toString('utf8')
  const asStored = stored !== undefined && value !== undefined && printJson(value) === stored
  const usual = reading === undefined ? undefined : `${EVENTS}${reading.head.id}.json`
  return {
    ...(digest !== undefined && { digest }),
    ...(!asStored && { value: value === undefined ? Buffer.from(raw).toString('utf8') : value }),
    ...(path !== undefined && path !== usual && { path }),
  }
}

function jsonIn(raw: Uint8Array): Json | undefined {
  try {
    return parseJson(raw, { numbers: 'exact' })
  } catch (error) {
    if (!hasCode(error, 'ERR_JSON')) throw error
    return undefined
  }
}

/** Returns the ids of proposals that events of the log name, with the digests of those events. */
function pointedTo(entries: readonly Entry[]): Map<Json | undefined, string[]> {
  const wanted = new Map<Json | undefined, string[]>()
  for (const { reading, digest } of entries) {
    if (reading === undefined || digest === undefined) continue
    const payload = payloadOf(reading.text)
    const id = payload instanceof Map ? payload.get('proposal_id') : undefined
    if (typeof id !== 'string') continue
    wanted.set(id, [...(wanted.get(id) ?? []), digest])
  }
  return wanted
}

function linked(
  proposals: Map<string, Document[]>,
  { pointing, bytes }: { pointing: string[]; bytes: Uint8Array },
): DocumentLink {
  const { link } = chunkDocument(bytes)
  for (const digest of pointing) {
    const before = proposals.get(digest) ?? []
    if (!before.some(document => linkText(document.link) === linkText(link)))
      proposals.set(digest, [...before, { link, bytes }])
  }
  return link
}

function baseOf(base: Omit<Base, 'frontier'>): (frontier: string) => Document {
  return frontier => {
    const bytes = printBase({ ...base, frontier })
    return { link: chunkDocument(bytes).link, bytes }
  }
}

/**
 * Sorts the events in the order of the frontier.json beside them if it has the same events, else by
 * (timestamp, id), refused ones last.
 */
function ordered(entries: readonly Entry[], frontierFile: Uint8Array | undefined): Entry[] {
  const good = entries.filter(({ digest }) => digest !== undefined)
  const bad = entries.filter(({ digest }) => digest === undefined)
  const known = new Map(good.map(entry => [entry.digest, entry]))
  const order = frontierFile === undefined ? [] : digestsIn(frontierFile)
  if (order.length === good.length && new Set(order).size === order.length && order.every(digest => known.has(digest)))
    return [...order.map(digest => known.get(digest)!), ...bad]
  const byTime = byTimestamp(good.map(entry => ({ head: entry.reading!.head, entry })))
  return [...byTime.map(({ entry }) => entry), ...bad]
}

function digestsIn(frontierFile: Uint8Array): (string | undefined)[] {
  try {
    return Array.from(readLog(frontierFile).events(), ({ text }) => entryOf(text, undefined).digest)
  } catch (error) {
    if (!hasCode(error, 'ERR_JSON')) throw error
    return []
  }
}

/**
 * Returns the name of a repository: from its configuration, its frontier.json, its genesis event,
 * or the configuration's metadata.
 */
function nameOf(parts: {
  meta: Config
  frontierFile: Uint8Array | undefined
  entries: readonly Entry[]
}): string | undefined {
  const { meta, frontierFile, entries } = parts
  if (meta.frontier_id !== undefined && isFrontierId(meta.frontier_id)) return meta.frontier_id
  try {
    if (frontierFile !== undefined) return readFrontier(frontierFile, { broken: 'keep' }).id
  } catch (error) {
    if (!hasCode(error)) throw error
  }
  for (const { reading } of entries) {
    const name = reading === undefined ? undefined : genesisName(reading)
    if (name !== undefined) return name
  }
  return nameOfMeta(meta)
}
