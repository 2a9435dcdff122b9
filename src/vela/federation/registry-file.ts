// A registry as a list (protocol/registry-entry.md, E9, E10): the file `vela.registry.v0.1`, which is also what a hub's
// `/entries` answers, and the URL at which a registry is looked for.

import { hasCode, ReplicaError } from '../../base/errors.ts'
import { NODE_LIMITS } from '../../base/limits.ts'
import { compareText, excerpt } from '../../base/text.ts'
import { printJson } from '../../json/json.ts'
import { expectEnd, openCursor, type ParserCursor, peek, readItems, readMembers, readValue } from '../../json/parser.ts'
import { readRecordAt } from '../../json/record.ts'
import { ENTRY_FORM, entryFrom, printEntry, type RegistryEntry } from './registry-entry.ts'

export const REGISTRY_SCHEMA = 'vela.registry.v0.1'

export interface RegistryFile {
  readonly entries: RegistryEntry[]
  /** Entries that can't be read: one broken entry costs the others nothing. */
  readonly refused: { readonly index: number; readonly reason: string }[]
}

/** @throws ReplicaError ERR_JSON, ERR_ENTRY when the text as a whole is no registry */
export function readRegistry(text: string | Uint8Array): RegistryFile {
  const cursor = openCursor(text, 'exact')
  if (peek(cursor) !== '{') throw broken('it is not an object')
  const seen = new Set<string>()
  const found: RegistryFile = { entries: [], refused: [] }
  readMembers(cursor, name => {
    if (seen.has(name)) throw broken(`${excerpt(name)} is given twice`)
    seen.add(name)
    if (name === 'entries') return readEntries(cursor, found)
    const value = readValue(cursor, NODE_LIMITS.jsonDepthMax - 1)
    if (name === 'schema' && value !== REGISTRY_SCHEMA) throw broken(`schema is not ${REGISTRY_SCHEMA}`)
  })
  expectEnd(cursor)
  return found
}

function readEntries(cursor: ParserCursor, found: RegistryFile): void {
  if (peek(cursor) !== '[') throw broken('entries is not a list')
  readItems(cursor, index => {
    try {
      found.entries.push(entryFrom(readRecordAt(ENTRY_FORM, cursor, NODE_LIMITS.jsonDepthMax - 2)))
    } catch (error) {
      // What is no JSON leaves no place to go on from; a broken entry has been read to its end.
      if (!hasCode(error, 'ERR_ENTRY')) throw error
      found.refused.push({ index, reason: error.message })
    }
  })
}

function broken(reason: string): ReplicaError {
  return new ReplicaError('ERR_ENTRY', `registry: ${reason}`)
}

/** Canonical JSON of a registry file, entries in the order given. */
export function printRegistry(entries: readonly RegistryEntry[]): string {
  return `{"entries":[${entries.map(printEntry).join(',')}],"schema":${printJson(REGISTRY_SCHEMA)}}`
}

/** The list with one more entry, which takes the place of the earlier ones of its frontier. */
export function withEntry(entries: readonly RegistryEntry[], entry: RegistryEntry): RegistryEntry[] {
  return [...entries.filter(other => other.vfr_id !== entry.vfr_id), entry]
}

/** Entries by the names of their frontiers, and by signatures within one. */
export function sortedEntries(entries: readonly RegistryEntry[]): RegistryEntry[] {
  return [...entries].sort((a, b) => compareText(a.vfr_id, b.vfr_id) || compareText(a.signature, b.signature))
}

/**
 * Where a registry is read: a URL that ends in `/entries` or `/entries.json` as it is, a bare host with `/entries`,
 * any other as it is.
 * @throws ReplicaError ERR_PEER_URL when the text is no URL
 */
export function registryUrl(text: string): string {
  if (!URL.canParse(text)) throw new ReplicaError('ERR_PEER_URL', 'the registry is not named by a URL')
  const url = new URL(text)
  const bare = url.pathname === '/' && url.search === ''
  return bare ? `${text.replace(/\/$/, '')}/entries` : text
}
