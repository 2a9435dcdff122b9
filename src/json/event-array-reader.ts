// Slices a file into one byte range per event: a JSON array of events, JSON Lines, a frontier file
// (its `events`), or one event. A file may be larger than a string can be, so the reader walks
// bytes, finds only where values begin and end, and builds nothing. readEvent checks later whether
// a slice is JSON. Unused members of a frontier file are skipped by their brackets. Spec:
// protocol/event.md, V21.

import { ReplicaError } from '../base/errors.ts'
import { stringSpanEnd } from './canonical-scanner.ts'

/** The bytes of one event in a file. */
export interface RawEvent {
  /** Index in the file's list of events, from 0. */
  readonly index: number
  /** A view into the file. */
  readonly text: Uint8Array
}

/** The events of a file, and what a frontier file says about itself. */
export interface EventLog {
  readonly form: 'array' | 'lines' | 'frontier' | 'event'
  /** The value of `frontier_id` in a frontier file, as JSON text. */
  readonly frontierId: Uint8Array | undefined
  /**
   * The value of `frontier` (name, compiled_at, compiler and more) in a frontier file, as JSON
   * text.
   */
  readonly meta: Uint8Array | undefined
  /**
   * Starts from the first event at each call.
   * @throws ReplicaError ERR_JSON, with `index` in its facts, if the list itself is not well-formed
   */
  events(): Generator<RawEvent>
}

/**
 * Finds the form of a file. Reads no event.
 * @throws ReplicaError ERR_JSON for any other form, or a frontier file that gives a member twice
 */
export function readLog(bytes: Uint8Array): EventLog {
  const at = spaceEnd(bytes, 0)
  const plain = { frontierId: undefined, meta: undefined }
  if (at === bytes.length) return { form: 'lines', ...plain, events: () => lines(bytes) }
  if (bytes[at] === 0x5b) return { form: 'array', ...plain, events: () => list(bytes, at, bytes.length) }
  if (bytes[at] !== 0x7b) throw broken('neither a list of events, nor JSON Lines, nor a frontier file')
  const object = findMembers(bytes, at)
  if (object === undefined || spaceEnd(bytes, object.end) < bytes.length) {
    if (object === undefined && !nextLineOpens(bytes, at)) throw broken('the object is incomplete or not JSON')
    return { form: 'lines', ...plain, events: () => lines(bytes) }
  }
  const { events, frontier_id: frontierId, frontier: meta, kind } = object.members
  if (events === undefined || kind !== undefined) {
    const text = bytes.subarray(at, object.end)
    return { form: 'event', ...plain, events: () => once(text) }
  }
  if (events[0] !== 0x5b) throw broken('the events of a frontier file are not a list')
  return { form: 'frontier', frontierId, meta, events: () => list(events, 0, events.length) }
}

function* once(text: Uint8Array): Generator<RawEvent> {
  yield { index: 0, text }
}

/** Yields each line that is not blank. */
function* lines(bytes: Uint8Array): Generator<RawEvent> {
  let index = 0
  for (let at = spaceEnd(bytes, 0); at < bytes.length; index++) {
    const newline = bytes.indexOf(0x0a, at)
    const end = newline < 0 ? bytes.length : newline
    yield { index, text: bytes.subarray(at, end) }
    at = spaceEnd(bytes, end)
  }
}

/** Yields the items of the list that opens at `at`. Only space may follow it before `end`. */
function* list(bytes: Uint8Array, at: number, end: number): Generator<RawEvent> {
  let i = spaceEnd(bytes, at + 1)
  if (bytes[i] === 0x5d) i += 1
  else
    for (let index = 0; ; index++) {
      const start = i
      i = valueSpanEnd(bytes, start)
      if (i <= start) throw broken(`the list is malformed at event ${index}`, index)
      yield { index, text: bytes.subarray(start, i) }
      i = spaceEnd(bytes, i)
      const next = bytes[i++]
      if (next === 0x5d) break
      if (next !== 0x2c) throw broken(`no comma after event ${index}`, index + 1)
      i = spaceEnd(bytes, i)
    }
  if (spaceEnd(bytes, i) !== end) throw broken('text after the list of events')
}

const MEMBERS = ['events', 'frontier', 'frontier_id', 'kind'] as const

interface FoundMembers {
  readonly end: number
  readonly members: Partial<Record<(typeof MEMBERS)[number], Uint8Array>>
}

/**
 * Returns the members in MEMBERS of the object that opens at `at`, and its end; undefined if it is
 * not JSON.
 */
function findMembers(bytes: Uint8Array, at: number): FoundMembers | undefined {
  const members: FoundMembers['members'] = {}
  let i = spaceEnd(bytes, at + 1)
  if (bytes[i] === 0x7d) return { end: i + 1, members }
  for (;;) {
    if (bytes[i] !== 0x22) return undefined
    const keyEnd = stringSpanEnd(bytes, i)
    const colon = keyEnd < 0 ? -1 : spaceEnd(bytes, keyEnd)
    if (bytes[colon] !== 0x3a) return undefined
    const start = spaceEnd(bytes, colon + 1)
    const end = valueSpanEnd(bytes, start)
    if (end <= start) return undefined
    const name = MEMBERS.find(member => isKey(bytes, i, keyEnd, member))
    if (name !== undefined) {
      if (members[name] !== undefined) throw broken(`the file has ${name} twice`)
      members[name] = bytes.subarray(start, end)
    }
    i = spaceEnd(bytes, end)
    const next = bytes[i]
    if (next === 0x7d) return { end: i + 1, members }
    if (next !== 0x2c) return undefined
    i = spaceEnd(bytes, i + 1)
  }
}

/** Compares a key with its quotes. Keys of these files have no escapes. */
function isKey(bytes: Uint8Array, start: number, end: number, key: string): boolean {
  if (end - start !== key.length + 2) return false
  for (let i = 0; i < key.length; i++) if (bytes[start + 1 + i] !== key.charCodeAt(i)) return false
  return true
}

/** Detects JSON Lines whose first line is damaged: the second line opens an object. */
function nextLineOpens(bytes: Uint8Array, at: number): boolean {
  const newline = bytes.indexOf(0x0a, at)
  return newline >= 0 && bytes[spaceEnd(bytes, newline)] === 0x7b
}

function spaceEnd(bytes: Uint8Array, at: number): number {
  const { length } = bytes
  let i = at
  for (; i < length; i++) {
    const byte = bytes[i]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
  }
  return i
}

/**
 * Returns the end of any value at `at`: its closing quote or bracket, or the next delimiter; −1 if
 * it does not end.
 */
function valueSpanEnd(bytes: Uint8Array, at: number): number {
  const first = bytes[at]
  if (first === 0x22) return stringSpanEnd(bytes, at)
  const { length } = bytes
  let i = at
  if (first !== 0x7b && first !== 0x5b) {
    for (; i < length; i++) {
      const byte = bytes[i]!
      if (byte <= 0x20 || byte === 0x2c || byte === 0x5d || byte === 0x7d || byte === 0x3a) break
    }
    return i
  }
  let depth = 0
  while (i < length) {
    const byte = bytes[i]
    if (byte === 0x22) {
      i = stringSpanEnd(bytes, i)
      if (i < 0) return -1
      continue
    }
    i += 1
    if (byte === 0x7b || byte === 0x5b) depth += 1
    else if (byte === 0x7d || byte === 0x5d) {
      depth -= 1
      if (depth === 0) return i
    }
  }
  return -1
}

function broken(reason: string, index?: number): ReplicaError {
  return new ReplicaError('ERR_JSON', reason, index === undefined ? {} : { facts: { index } })
}
