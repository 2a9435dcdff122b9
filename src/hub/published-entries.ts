// What owners have published here: for each frontier the latest entry, and the last one that was of what this hub held, with the
// number of nodes that its content had. An entry may come before its nodes, from anybody who has seen it: what stands until
// then goes on being served. Specification: protocol/http.md, H13 and H14.

import { utf8 } from '../base/bytes.ts'
import { parseJson, printJson } from '../json/json.ts'
import { JsonNumber } from '../json/value.ts'
import type { RecordChange, Records } from '../store/store.ts'
import { printEntry, type RegistryEntry, readEntry } from '../vela/federation/registry-entry.ts'

/** An entry, and that the first so many nodes of the log here are its content. */
export interface VerifiedEntry {
  readonly entry: RegistryEntry
  readonly nodes: number
}

export interface PublicationStore {
  readonly latest: RegistryEntry
  /** May be the latest. */
  readonly matched: VerifiedEntry | undefined
}

/** The names that licences have (SPDX expressions), and nothing longer: nobody vouches for it. */
const LICENSE = /^[A-Za-z0-9][A-Za-z0-9.+:() -]{0,63}$/

export class PublishedEntries {
  readonly #records: Records
  readonly #known = new Map<string, Promise<PublicationStore | undefined>>()

  constructor(records: Records) {
    this.#records = records
  }

  /** @throws ReplicaError ERR_STORE_CORRUPT and what a record can't be read for */
  of(frontier: string): Promise<PublicationStore | undefined> {
    let known = this.#known.get(frontier)
    if (known === undefined) {
      known = this.#read(frontier)
      this.#known.set(frontier, known)
      known.catch(() => this.#known.delete(frontier))
    }
    return known
  }

  /** A newer entry stands; what matched before still does. Durable when it returns. */
  async add(entry: RegistryEntry): Promise<void> {
    const kept = signedMembers(entry)
    const before = await this.of(entry.vfr_id)
    await this.#write(entry.vfr_id, { latest: kept, matched: before?.matched }, [
      { key: latestKey(entry.vfr_id), value: utf8(printEntry(kept)) },
    ])
  }

  /** The latest entry is of the first so many nodes, unless it is no longer the latest. */
  async match(entry: RegistryEntry, nodes: number): Promise<void> {
    const { vfr_id: frontier } = entry
    const before = await this.of(frontier)
    if (before?.latest !== entry) return
    const text = printJson(
      new Map([
        ['entry', parseJson(printEntry(entry), { numbers: 'exact' })],
        ['nodes', JsonNumber.integer(nodes)],
      ]),
    )
    const matched = { entry, nodes }
    await this.#write(frontier, { latest: entry, matched }, [{ key: matchedKey(frontier), value: utf8(text) }])
  }

  async #write(frontier: string, publications: PublicationStore, changes: readonly RecordChange[]): Promise<void> {
    await this.#records.write(changes)
    this.#known.set(frontier, Promise.resolve(publications))
  }

  async #read(frontier: string): Promise<PublicationStore | undefined> {
    const [text, matchedText] = await Promise.all([
      this.#records.get(latestKey(frontier)),
      this.#records.get(matchedKey(frontier)),
    ])
    if (text === undefined) return undefined
    const latest = signedMembers(readEntry(text))
    const matched = matchedText === undefined ? undefined : readMatched(matchedText)
    if (matched?.entry.signature !== latest.signature) return { latest, matched }
    return { latest, matched: { ...matched, entry: latest } }
  }
}

function readMatched(text: Uint8Array): VerifiedEntry | undefined {
  const value = parseJson(text, { numbers: 'exact' })
  const [entry, nodes] = value instanceof Map ? [value.get('entry'), value.get('nodes')] : []
  if (!(entry instanceof Map && nodes instanceof JsonNumber)) return undefined
  return { entry: readEntry(printJson(entry)), nodes: nodes.toNumber() }
}

/** What the owner signed, with its signature, and a licence that may be one. Other members are anybody's. */
function signedMembers(entry: RegistryEntry): RegistryEntry {
  const { license } = entry
  return { ...entry, license: license !== undefined && LICENSE.test(license) ? license : undefined, rest: new Map() }
}

function latestKey(frontier: string): string {
  return `entry/${frontier}`
}

function matchedKey(frontier: string): string {
  return `entry-matched/${frontier}`
}
