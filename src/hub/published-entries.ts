// Accepts and stores the registry entries that owners publish. Stored per frontier are the latest
// entry, and the last entry that matched content of this hub with the number of nodes of that
// content. An entry may arrive before its nodes, and any client that has seen it may send it; until
// its nodes arrive, the matched entry is served.
// Spec: protocol/http.md, H13 and H14.

import { utf8 } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { HTTP_LIMITS } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import { verify } from '../crypto/ed25519.ts'
import { parseInstant } from '../json/instant.ts'
import { parseJson, printJson } from '../json/json.ts'
import { JsonNumber } from '../json/value.ts'
import type { OwnershipStore } from '../projection/ownership-store.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import type { RecordChange, Records } from '../store/store.ts'
import { judgePublication } from '../vela/federation/ownership.ts'
import { printEntry, type RegistryEntry, readEntry } from '../vela/federation/registry-entry.ts'

/** An entry whose content is the first `nodes` nodes of the log. */
export interface VerifiedEntry {
  readonly entry: RegistryEntry
  readonly nodes: number
}

/** The published entries of one frontier. */
export interface Publications {
  readonly latest: RegistryEntry
  /** The last entry that matched; it may be the latest. */
  readonly matched: VerifiedEntry | undefined
}

/**
 * The characters of SPDX expressions, at most 64 of them. The value is not signed, so no other text
 * is stored.
 */
const LICENSE = /^[A-Za-z0-9][A-Za-z0-9.+:() -]{0,63}$/

/**
 * Published entries as records of the store.
 *
 * @example
 * const published = new PublishedEntries(store.records)
 * const publications = await published.of(frontier)
 */
export class PublishedEntries {
  readonly #records: Records
  readonly #loaded = new Map<string, Promise<Publications | undefined>>()

  constructor(records: Records) {
    this.#records = records
  }

  /** @throws ReplicaError ERR_STORE_CORRUPT, and the errors of reading an entry */
  of(frontier: string): Promise<Publications | undefined> {
    let loaded = this.#loaded.get(frontier)
    if (loaded === undefined) {
      loaded = this.#read(frontier)
      this.#loaded.set(frontier, loaded)
      loaded.catch(() => this.#loaded.delete(frontier))
    }
    return loaded
  }

  /** Stores an entry as the latest one and keeps the matched one. Durable when it resolves. */
  async add(entry: RegistryEntry): Promise<void> {
    const stored = signedMembers(entry)
    const before = await this.of(entry.vfr_id)
    await this.#write(entry.vfr_id, { latest: stored, matched: before?.matched }, [
      { key: latestKey(entry.vfr_id), value: utf8(printEntry(stored)) },
    ])
  }

  /**
   * Records that `entry` is of the first `nodes` nodes. Does nothing if it is no longer the latest
   * entry.
   */
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

  async #write(frontier: string, publications: Publications, changes: readonly RecordChange[]): Promise<void> {
    await this.#records.write(changes)
    this.#loaded.set(frontier, Promise.resolve(publications))
  }

  async #read(frontier: string): Promise<Publications | undefined> {
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

/**
 * Returns the signed members with their signature, and a plausible licence. Anyone could have added
 * the other members.
 */
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

/** Reads the content sent with an entry. It is called only after the entry itself has passed. */
export type ReadContent = () => NonNullable<Parameters<typeof judgePublication>[1]['content']>

export interface PublicationIntakeOptions {
  readonly context: ReplicaContext
  readonly owners: OwnershipStore
  readonly published: PublishedEntries
}

/**
 * Judges publications one at a time, each completely before anything changes.
 *
 * @example
 * const intake = new PublicationIntake({ context, owners, published })
 * const verdict = await intake.publish(entry, undefined)
 */
export class PublicationIntake {
  readonly #options: PublicationIntakeOptions
  readonly #mutex = new Mutex()

  constructor(options: PublicationIntakeOptions) {
    this.#options = options
  }

  /**
   * Stores an entry that the frontier's owner published.
   * @throws ReplicaError as judgePublication; ERR_INSTANT for a time in the future;
   * ERR_FRONTIER_UNKNOWN, ERR_NOT_FOUND
   */
  publish(entry: RegistryEntry, content: ReadContent | undefined): Promise<'first' | 'next' | 'duplicate'> {
    return this.#mutex.run(() => this.#publish(entry, content))
  }

  async #publish(entry: RegistryEntry, read: ReadContent | undefined): Promise<'first' | 'next' | 'duplicate'> {
    const { context, owners, published } = this.#options
    const frontier = context.frontier(entry.vfr_id)
    const ownership = await owners.of(frontier)
    const latest = (await published.of(frontier.log.name))?.latest
    // An entry of a former owner does not count, and its time does not bind the current owner.
    const live = latest?.owner_pubkey === ownership.owner ? latest : undefined
    const publication = { live, ownership, verify }
    const verdict = judgePublication(entry, { ...publication, content: undefined })
    checkTime(entry.signed_publish_at, context.now())
    if (read !== undefined) judgePublication(entry, { ...publication, content: read() })
    if (verdict !== 'duplicate') await published.add(entry)
    return verdict
  }
}

/**
 * Refuses times in the far future, because an entry with one could not be replaced until then.
 * @throws ReplicaError ERR_INSTANT
 */
export function checkTime(at: string, now: string): void {
  const ahead = parseInstant(at).seconds - parseInstant(now).seconds
  if (ahead * 1000 > HTTP_LIMITS.publishAheadMsMax)
    throw new ReplicaError('ERR_INSTANT', 'the time is in the future: compare the clocks')
}
