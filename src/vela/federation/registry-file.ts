// Registry as a list of entries: the file `vela.registry.v0.1`, which a hub also returns for
// `/entries`, and the URL of a registry. Spec: protocol/registry-entry.md, E9, E10.

import { hasCode, ReplicaError } from '../../base/errors.ts'
import { NODE_LIMITS } from '../../base/limits.ts'
import { compareText, excerpt } from '../../base/text.ts'
import { printJson } from '../../json/json.ts'
import { expectEnd, openCursor, type ParserCursor, peek, readItems, readMembers, readValue } from '../../json/parser.ts'
import { readRecordAt } from '../../json/record.ts'
import { ENTRY_FORM, entryFrom, printEntry, type RegistryEntry } from './registry-entry.ts'

export const REGISTRY_SCHEMA = 'vela.registry.v0.1'

/** The entries of a registry. */
export interface RegistryFile {
  readonly entries: RegistryEntry[]
  /** Entries that cannot be read, by their index; the others are not affected. */
  readonly refused: { readonly index: number; readonly reason: string }[]
}

/**
 * Reads a registry file; signatures are not checked.
 * @throws ReplicaError ERR_JSON, ERR_ENTRY if it is not a registry
 */
export function readRegistry(text: string | Uint8Array): RegistryFile {
  const cursor = openCursor(text, 'exact')
  if (peek(cursor) !== '{') throw broken('it is not an object')
  const seen = new Set<string>()
  const found: RegistryFile = { entries: [], refused: [] }
  readMembers(cursor, name => {
    if (seen.has(name)) throw broken(`duplicate member ${excerpt(name)}`)
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
      // After a JSON error the reader cannot continue; a malformed entry has been read to its end.
      if (!hasCode(error, 'ERR_ENTRY')) throw error
      found.refused.push({ index, reason: error.message })
    }
  })
}

function broken(reason: string): ReplicaError {
  return new ReplicaError('ERR_ENTRY', `registry: ${reason}`)
}

/** Returns the canonical JSON of a registry file, with the entries in the order given. */
export function printRegistry(entries: readonly RegistryEntry[]): string {
  return `{"entries":[${entries.map(printEntry).join(',')}],"schema":${printJson(REGISTRY_SCHEMA)}}`
}

/** Returns the list with one more entry, which replaces the earlier ones of its frontier. */
export function withEntry(entries: readonly RegistryEntry[], entry: RegistryEntry): RegistryEntry[] {
  return [...entries.filter(other => other.vfr_id !== entry.vfr_id), entry]
}

/** Returns the entries sorted by frontier id, then by signature. */
export function sortedEntries(entries: readonly RegistryEntry[]): RegistryEntry[] {
  return [...entries].sort((a, b) => compareText(a.vfr_id, b.vfr_id) || compareText(a.signature, b.signature))
}

/**
 * Returns the URL at which a registry is read: a bare host with `/entries` appended, any other URL
 * unchanged.
 * @throws ReplicaError ERR_PEER_URL if the text is not a URL
 */
export function registryUrl(text: string): string {
  if (!URL.canParse(text)) throw new ReplicaError('ERR_PEER_URL', 'the address of the registry is not a URL')
  const url = new URL(text)
  const bare = url.pathname === '/' && url.search === ''
  return bare ? `${text.replace(/\/$/, '')}/entries` : text
}
