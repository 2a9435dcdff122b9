// Reads the events of an import from a file, stdin, a `.vela` repository or a folder with one event
// per file. JSONL is read as a stream; arrays, frontier files and repositories are read at once;
// the events of a folder are sorted by (timestamp, id). The importer validates the events.

import * as fsSync from 'node:fs'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { CLI_LIMITS } from '../../base/cli-limits.ts'
import { hasCode, ReplicaError } from '../../base/errors.ts'
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

/** The input of an import. */
export interface EventInput {
  /** The frontier that the input names. */
  readonly frontier: string | undefined
  readonly log: LogReader
  /** Returns the file of the event at this index, if each event has its own file. */
  readonly fileOf: (index: number) => string | undefined
  /** The parts of the frontier, if the input is a whole frontier. */
  readonly whole?: SplitFrontier
  /** Notices about skipped files of a folder: links, keys and special files. */
  readonly left?: readonly string[]
  /** The reason why only the events of a frontier file are imported. */
  readonly lost?: string
}

/**
 * Opens a file, a folder or `-` (stdin).
 * @throws ReplicaError ERR_USAGE if it does not exist, ERR_JSON if it is not a log
 */
export async function openEvents(name: string, from: { cwd: string; stdin: InputStream }): Promise<EventInput> {
  const file = path.resolve(from.cwd, name)
  // Stdin can be read only once, but a strict import reads twice.
  if (name !== '-' && (await isFolder(file))) return readFolder(file)
  if (name !== '-' && (await isLines(file))) return readLines(file)
  const bytes = await readWhole(name, from)
  const log = readLog(bytes)
  const events = { frontier: nameOf(log), log: () => texts(log), fileOf: () => undefined }
  // A frontier without a list of events has the form of one event.
  return log.form === 'frontier' || log.form === 'event' ? wholeFile(bytes, { ...events, form: log.form }) : events
}

/** Returns a whole frontier; only the events if the rest of the file is not a frontier. */
function wholeFile(bytes: Uint8Array, from: EventInput & { form: 'frontier' | 'event' }): EventInput {
  const { form, ...events } = from
  try {
    const whole = splitFrontier(bytes)
    return { ...events, frontier: whole.frontier, whole }
  } catch (error) {
    if (!hasCode(error)) throw error
    if (form === 'event') return events
    return { ...events, lost: `only the events are imported: ${error.message}` }
  }
}

async function wholeFolder(root: string): Promise<EventInput> {
  const { files, skipped } = await readVelaFolder(root)
  const whole = splitRepository(files)
  const left = skipped.map(name => `skipped ${name}: links, keys and special files are not read`)
  const fileOf = (index: number): string | undefined => {
    const file = whole.fileOf(index)
    return file === undefined ? undefined : path.join(root, file)
  }
  return { frontier: whole.frontier, log: () => whole.events, fileOf, whole, left }
}

/**
 * Returns the frontier's name; undefined if the first event is malformed, which the importer
 * reports.
 */
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

/** Returns the frontier's name if the first event is its genesis event. */
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

/**
 * Reads a file, or stdin for `-`.
 * @throws ReplicaError ERR_USAGE if it has more than `wholeFileBytesMax` bytes
 */
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
    if (length > bytesMax) throw new ReplicaError('ERR_USAGE', `the input has more than ${bytesMax} bytes`)
  }
  return Buffer.concat(parts)
}

/** Returns whether the first line is a whole JSON object that is not a frontier file. */
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

/** Returns the first line that is not blank, truncated to `eventFileBytesMax`. */
async function firstLine(chunks: Chunks): Promise<Uint8Array> {
  let seen: Uint8Array = new Uint8Array()
  for await (const chunk of chunks) {
    const start = seen.length > 0 ? 0 : chunk.findIndex(byte => !isSpace(byte))
    if (start < 0) continue
    const from = seen.length
    seen = Buffer.concat([seen, chunk.subarray(start)])
    const end = seen.indexOf(0x0a, from)
    if (end >= 0) return seen.subarray(0, end)
    // An array is read at once, so the rest of the line is not needed.
    if (seen[0] === '['.charCodeAt(0) || seen.length > CLI_LIMITS.eventFileBytesMax) break
  }
  return seen
}

interface EventFile {
  readonly file: string
  readonly timestamp: string
  readonly id: string
}

/** Reads a `.vela` repository or a folder of events. Event files are read twice to save memory. */
async function readFolder(place: string): Promise<EventInput> {
  const root = await velaRoot(place)
  if (root !== undefined) return wholeFolder(root)
  const names = (await fs.readdir(place)).filter(name => name.endsWith('.json'))
  if (names.length === 0) throw new ReplicaError('ERR_USAGE', `${place} has no events: no file name ends with .json`)
  const files: EventFile[] = []
  for (const name of names) files.push(await orderOf(path.join(place, name)))
  files.sort((a, b) => order(a.timestamp, b.timestamp) || order(a.id, b.id))
  async function* entries(): AsyncGenerator<Uint8Array> {
    for (const { file } of files) yield await readEventFile(file)
  }
  return { frontier: await genesisOf(entries()), log: entries, fileOf: index => files[index]?.file }
}

/**
 * Returns the sort key of an event file; a malformed event, which the importer reports, sorts by
 * its name.
 */
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

/** Compares by UTF-8 bytes. */
function order(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
