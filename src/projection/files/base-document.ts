// Encodes the base document of an imported frontier: everything of it that is not an event, and the
// form of its events, so that an export restores it without loss. A node of the import links it.
// Proposals that an event names are documents of their own, linked from that event's node. Spec:
// protocol/frontier.md, F17 to F19.

import { utf8 } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import { cidText, parseCid } from '../../cbor/cid.ts'
import { parseJson, printJson } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import type { DocumentLink } from '../../node/schema.ts'

const FORMAT = 'replica.frontier-base.v1'

/**
 * An event of the imported file: the SHA-256 of its stored form if it is in the log, and its form
 * in the file.
 */
export interface BaseEvent {
  /** 64 hex digits; undefined for a refused event, which is kept here only. */
  readonly digest?: string
  /** Value in the file, if it differs from the stored form. */
  readonly value?: Json
  /** Path in a repository, if it is not `.vela/events/<id>.json`. */
  readonly path?: string
}

/** A value kept here, or in a document of its own. */
export type BasePart = { readonly link: DocumentLink } | { readonly value: Json }

/** A file of a repository that is not an event. */
export interface BaseFile {
  readonly path: string
  /** Bytes of the file, or a link to a document. */
  readonly content: Uint8Array | DocumentLink
}

/** Prefixes of the canonical text. A document without one is not a base document. */
export const BASE_STARTS: readonly string[] = ['{"events":[', `{"format":"${FORMAT}"`]

export interface Base {
  readonly frontier: string
  /** Members of the frontier file except events and proposals; empty for a repository. */
  readonly members: ReadonlyMap<string, Json>
  /** Undefined if the file had no such member. So is `proposals`. */
  readonly events: readonly BaseEvent[] | undefined
  readonly proposals: readonly BasePart[] | undefined
  /** Undefined for a frontier file. */
  readonly files: readonly BaseFile[] | undefined
}

/** Returns canonical JSON, so that equal imports give one document. */
export function printBase({ frontier, members, events, proposals, files }: Base): Uint8Array {
  const document = new Map<string, Json>([
    ['format', FORMAT],
    ['frontier', frontier],
    ['members', new Map(members)],
  ])
  if (events !== undefined) document.set('events', events.map(printEvent))
  if (proposals !== undefined) document.set('proposals', proposals.map(printPart))
  if (files !== undefined) document.set('files', files.map(printFile))
  return utf8(printJson(document))
}

function printEvent({ digest, value, path }: BaseEvent): Json {
  if (digest !== undefined && value === undefined && path === undefined) return digest
  const event = new Map<string, Json>()
  if (digest !== undefined) event.set('event', digest)
  if (value !== undefined) event.set('value', value)
  if (path !== undefined) event.set('path', path)
  return event
}

function printPart(part: BasePart): Json {
  return 'link' in part ? new Map([['document', linkText(part.link)]]) : new Map([['value', part.value]])
}

function printFile({ path, content }: BaseFile): Json {
  if (!(content instanceof Uint8Array)) return mapOf({ path, document: linkText(content) })
  const text = Buffer.from(content).toString('utf8')
  const isText = Buffer.from(text).equals(content)
  return mapOf(isText ? { path, text } : { path, base64: Buffer.from(content).toString('base64') })
}

/**
 * Reads a document as base of this frontier; returns undefined if it is not one, because any node
 * may link any document.
 */
export function readBase(document: Uint8Array, frontier: string): Base | undefined {
  if (document[0] !== 0x7b) return undefined
  try {
    const value = parseJson(document, { numbers: 'exact' })
    if (!(value instanceof Map) || value.get('format') !== FORMAT || value.get('frontier') !== frontier)
      return undefined
    const members = value.get('members')
    if (!(members instanceof Map)) throw broken('members')
    const proposals = value.has('proposals') ? listAt(value, 'proposals').map(readPart) : undefined
    const files = value.has('files') ? listAt(value, 'files').map(readFile) : undefined
    const events = value.has('events') ? listAt(value, 'events').map(readEntry) : undefined
    return { frontier, members, events, proposals, files }
  } catch (error) {
    if (error instanceof ReplicaError && (error.code === 'ERR_JSON' || error.code === 'ERR_FRONTIER')) return undefined
    throw error
  }
}

function readEntry(entry: Json): BaseEvent {
  if (typeof entry === 'string') return { digest: digestIn(entry) }
  if (!(entry instanceof Map)) throw broken('events')
  const [digest, value, path] = [entry.get('event'), entry.get('value'), entry.get('path')]
  return {
    ...(digest !== undefined && { digest: digestIn(digest) }),
    ...(value !== undefined && { value }),
    ...(path !== undefined && { path: pathIn(path) }),
  }
}

function readPart(part: Json): BasePart {
  if (!(part instanceof Map)) throw broken('proposals')
  const value = part.get('value')
  return value === undefined ? { link: linkIn(part.get('document')) } : { value }
}

function readFile(file: Json): BaseFile {
  if (!(file instanceof Map)) throw broken('files')
  const path = pathIn(file.get('path'))
  const [text, base64] = [file.get('text'), file.get('base64')]
  if (typeof text === 'string') return { path, content: utf8(text) }
  if (typeof base64 === 'string') return { path, content: new Uint8Array(Buffer.from(base64, 'base64')) }
  return { path, content: linkIn(file.get('document')) }
}

function digestIn(value: Json): string {
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value
  throw broken('events')
}

function pathIn(value: Json | undefined): string {
  if (typeof value === 'string' && isPlainPath(value)) return value
  throw broken('path')
}

/** Returns whether a path is relative, stays in its folder, and has no special names. */
export function isPlainPath(path: string): boolean {
  if (path.length > 1024 || path.includes('\\') || path.includes('\0') || path.includes(':')) return false
  return path.split('/').every(name => name !== '' && name !== '.' && name !== '..' && Buffer.byteLength(name) <= 255)
}

function linkIn(value: Json | undefined): DocumentLink {
  if (typeof value !== 'string') throw broken('document')
  try {
    return parseCid(value)
  } catch (error) {
    if (error instanceof ReplicaError && error.code === 'ERR_CID') throw broken('document')
    throw error
  }
}

export function linkText(link: DocumentLink): string {
  return cidText(link.digest, link.codec)
}

function listAt(value: Map<string, Json>, name: string): readonly Json[] {
  const list = value.get(name)
  if (Array.isArray(list)) return list
  throw broken(name)
}

function mapOf(members: Record<string, string>): Map<string, Json> {
  return new Map(Object.entries(members))
}

function broken(member: string): ReplicaError {
  return new ReplicaError('ERR_FRONTIER', `a base document whose ${member} is broken`)
}

export function listOf(members: ReadonlyMap<string, Json>, name: string): readonly Json[] {
  const list = members.get(name)
  return Array.isArray(list) ? list : []
}

export function idOf(value: Json): string | undefined {
  const id = value instanceof Map ? value.get('id') : undefined
  return typeof id === 'string' ? id : undefined
}
