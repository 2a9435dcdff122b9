// Where events come from on the command line: a file, stdin, a `.vela` repository, or a folder with one event a file. JSONL is read
// as a stream; arrays, whole frontier files and repositories are read at once; a folder is ordered by (timestamp, id). What an event
// is, and whether it is good, the importer decides.

import * as fsSync from 'node:fs'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import { CLI_LIMITS } from '../../base/limits.ts'
import { readEvent } from '../../event/event.ts'
import { frontierNameOf, genesisName } from '../../event/genesis.ts'
import { type EventLog, readLog } from '../../json/event-array-reader.ts'
import { type SplitFrontier, splitFrontier, splitRepository } from '../../projection/files/split.ts'
import type { LogReader } from '../../replica/import/import-reader.ts'
import { fileError, isFolder } from '../error-hints.ts'
import type { InputStream } from '../io.ts'
import { eventLines, isSpace } from './event-lines.ts'
import { readVelaFolder, velaRoot } from './vela-folder.ts'

type Chunks = AsyncIterable<Uint8Array>

/** A log to import. */
export interface EventInput {
  /** The frontier that it names itself. */
  readonly frontier: string | undefined
  readonly log: LogReader
  /** The file that the event at this place came from, where each has its own. */
  readonly fileOf: (index: number) => string | undefined
  /** The frontier taken apart, where the input is a whole one. */
  readonly whole?: SplitFrontier
  /** What of a folder is left out by rule: links, keys and special files. */
  readonly left?: readonly string[]
  /** Why a frontier file gives its events alone: the rest of it is not taken in. */
  readonly lost?: string
}

/** `-` is stdin. @throws ReplicaError ERR_USAGE when there is nothing of that name, ERR_JSON when it is no log */
export async function openEvents(name: string, from: { cwd: string; stdin: InputStream }): Promise<EventInput> {
  const file = path.resolve(from.cwd, name)
  // Stdin can be read once only, and a strict import reads twice.
  if (name !== '-' && (await isFolder(file))) return readFolder(file)
  if (name !== '-' && (await isLines(file))) return readLines(file)
  const bytes = await readWhole(name, from)
  const log = readLog(bytes)
  const events = { frontier: nameOf(log), log: () => texts(log), fileOf: () => undefined }
  // A frontier without a list of events looks like one event.
  return log.form === 'frontier' || log.form === 'event' ? wholeFile(bytes, { ...events, form: log.form }) : events
}

/** A whole frontier; of a file that has events and is none, its events. */
function wholeFile(bytes: Uint8Array, from: EventInput & { form: 'frontier' | 'event' }): EventInput {
  const { form, ...events } = from
  try {
    const whole = splitFrontier(bytes)
    return { ...events, frontier: whole.frontier, whole }
  } catch (error) {
    if (!hasCode(error)) throw error
    if (form === 'event') return events
    return { ...events, lost: `only its events are taken in: ${error.message}` }
  }
}

async function wholeFolder(root: string): Promise<EventInput> {
  const { files, skipped } = await readVelaFolder(root)
  const whole = splitRepository(files)
  const left = skipped.map(name => `${name} is left out: links, keys and special files are not read`)
  const fileOf = (index: number): string | undefined => {
    const file = whole.fileOf(index)
    return file === undefined ? undefined : path.join(root, file)
  }
  return { frontier: whole.frontier, log: () => whole.events, fileOf, whole, left }
}

/** A first event that can't be read names nothing; the importer will say what is wrong with it. */
function nameOf(log: EventLog): string | undefined {
  try {
    return frontierNameOf(log)
  } catch (error) {
    if (!hasCode(error) || error.code === 'ERR_FRONTIER_ID') throw error
    return undefined
  }
}

function* texts(log: EventLog): Generator<Uint8Array> {
  for (const { text } of log.events()) yield text
}

async function readLines(file: string): Promise<EventInput> {
  const log = (): AsyncGenerator<Uint8Array> => eventLines(fileChunks(file))
  return { frontier: await genesisOf(log()), log, fileOf: () => undefined }
}

/** The frontier's name when the first event is its genesis. */
async function genesisOf(events: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  for await (const text of events) {
    try {
      return genesisName(readEvent(text))
    } catch (error) {
      if (!hasCode(error)) throw error
      return undefined
    }
  }
  return undefined
}

/** All of a file, or of stdin for `-`. @throws ReplicaError ERR_USAGE when it is too long to be read at once */
export async function readWhole(name: string, from: { cwd: string; stdin: InputStream }): Promise<Uint8Array> {
  const chunks = name === '-' ? from.stdin.chunks() : fileChunks(path.resolve(from.cwd, name))
  return gather(chunks, CLI_LIMITS.wholeFileBytesMax)
}

async function* fileChunks(file: string): Chunks {
  try {
    yield* fsSync.createReadStream(file, { highWaterMark: CLI_LIMITS.controlChunkBytes })
  } catch (error) {
    throw fileError(error, file)
  }
}

async function gather(chunks: Chunks, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const chunk of chunks) {
    parts.push(chunk)
    length += chunk.length
    if (length > bytesMax)
      throw new ReplicaError('ERR_USAGE', `this is more than ${bytesMax} bytes: too long to be read at once`)
  }
  return Buffer.concat(parts)
}

/** True when the first line is a whole JSON object, and no frontier file on a single line. */
async function isLines(file: string): Promise<boolean> {
  const line = await firstLine(fileChunks(file))
  try {
    const value: unknown = JSON.parse(Buffer.from(line).toString('utf8'))
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
    return !('events' in value) && ('kind' in value || !('findings' in value))
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

/** The first line that is not blank, or its beginning where it is longer than an event may be. */
async function firstLine(chunks: Chunks): Promise<Uint8Array> {
  let seen: Uint8Array = new Uint8Array()
  for await (const chunk of chunks) {
    const start = seen.length > 0 ? 0 : chunk.findIndex(byte => !isSpace(byte))
    if (start < 0) continue
    const from = seen.length
    seen = Buffer.concat([seen, chunk.subarray(start)])
    const end = seen.indexOf(0x0a, from)
    if (end >= 0) return seen.subarray(0, end)
    // An array is read at once anyway.
    if (seen[0] === '['.charCodeAt(0) || seen.length > CLI_LIMITS.eventFileBytesMax) break
  }
  return seen
}

interface EventFile {
  readonly file: string
  readonly timestamp: string
  readonly id: string
}

/** A `.vela` repository, or a folder of events. Of the latter each file is read twice rather than all kept at once. */
async function readFolder(place: string): Promise<EventInput> {
  const root = await velaRoot(place)
  if (root !== undefined) return wholeFolder(root)
  const names = (await fs.readdir(place)).filter(name => name.endsWith('.json'))
  if (names.length === 0) throw new ReplicaError('ERR_USAGE', `there are no events in ${place}: no file ends in .json`)
  const files: EventFile[] = []
  for (const name of names) files.push(await orderOf(path.join(place, name)))
  files.sort((a, b) => order(a.timestamp, b.timestamp) || order(a.id, b.id))
  async function* entries(): AsyncGenerator<Uint8Array> {
    for (const { file } of files) yield await readEventFile(file)
  }
  return { frontier: await genesisOf(entries()), log: entries, fileOf: index => files[index]?.file }
}

/** A file that is no event is put where its name would be; the importer will say what is wrong with it. */
async function orderOf(file: string): Promise<EventFile> {
  try {
    const { head } = readEvent(await readEventFile(file))
    return { file, timestamp: head.timestamp, id: head.id }
  } catch (error) {
    if (!hasCode(error) || error.code === 'ERR_USAGE') throw error
    return { file, timestamp: '', id: path.basename(file) }
  }
}

function readEventFile(file: string): Promise<Uint8Array> {
  return gather(fileChunks(file), CLI_LIMITS.eventFileBytesMax)
}

/** Order of UTF-8 bytes. */
function order(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
