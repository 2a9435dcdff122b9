// Publishes to a hub: the signed entry of a frontier in its present state, and the owner's records
// about it. The hub decides; nothing is stored here. A hub of Vela that cannot serve an entry
// serves nothing afterwards, so everything is checked before and read back after.
// Spec: protocol/registry-entry.md, E32 to E35; protocol/http.md, H14 and H21.

import { concat, utf8 } from '../../base/bytes.ts'
import { hasCode, isErrorCode, ReplicaError } from '../../base/errors.ts'
import { FETCH_LIMITS } from '../../base/limits.ts'
import type { Json } from '../../json/value.ts'
import { contextOf, type Replica } from '../../replica/replica.ts'
import type { ReplicaContext } from '../../replica/replica-context.ts'
import {
  DEPRECATION_SCHEMA,
  type OwnershipDraft,
  printOwnershipRecord,
  ROTATION_SCHEMA,
  signOwnershipRecord,
} from '../../vela/federation/ownership.ts'
import { compareEntries, printEntry, type RegistryEntry, signEntry } from '../../vela/federation/registry-entry.ts'
import { eventLogHash } from '../../vela/hashes/event-log-hash.ts'
import { snapshotHash } from '../../vela/hashes/snapshot-hash.ts'
import { type FetchOptions, postTo, webUrl } from '../fetch-frontier.ts'
import { exportFrontier, requireTexts } from '../files/snapshot.ts'
import {
  answerMembers,
  isDeprecatedAt,
  isReplicaHub,
  readServedEntry,
  type ServedEntryReading,
  snapshotFault,
} from './served-content.ts'

/** Characters kept of a hub's reason for a refusal. */
const DETAIL_MAX = 500

/** The hub: a registered peer or a URL. */
export type PublishTo = { readonly peer: string } | { readonly url: string }

/** Members of the entry, and options of the request. */
export interface PublishOptions extends FetchOptions {
  /** URL of the content; default: the hub's own snapshot. */
  readonly locator?: string
  /** Name of the publisher, for people; default: this replica's name. */
  readonly owner?: string
  /** SPDX license expression. The signature does not cover it. */
  readonly license?: string
  /**
   * At a hub of Vela: publish although the entry that it serves is of another key, which has
   * transferred the frontier to this replica's key. Without a transfer the hub would serve nothing.
   */
  readonly successor?: boolean
}

/** Result of publishing an entry. */
export interface PublishReport {
  readonly frontier: string
  readonly url: string
  readonly entry: RegistryEntry
  /** Whether the hub had this entry already. */
  readonly duplicate: boolean
  /** Whether the whole frontier went with the entry, as hubs of Vela need it. */
  readonly withContent: boolean
  /**
   * Why the hub does not serve the entry with its content; undefined if both were read back and
   * agree.
   */
  readonly waits: string | undefined
  /** The present answer of the hub, for people. */
  readonly servedNow: string
}

/** Result of sending an owner's record. */
export interface RecordReport {
  readonly frontier: string
  readonly url: string
  readonly duplicate: boolean
  /** The owner's public key at the hub from now on. */
  readonly owner: string
}

/**
 * Publishes one frontier to hubs.
 *
 * @example
 * const publisher = new Publisher(replica, frontier)
 * const { waits } = await publisher.publish({ peer: 'hub:lab' }, { license: 'CC-BY-4.0' })
 */
export class Publisher {
  readonly #replica: Replica
  readonly #context: ReplicaContext
  readonly #frontier: string

  /** @throws ReplicaError ERR_FRONTIER_UNKNOWN */
  constructor(replica: Replica, frontier: string) {
    this.#replica = replica
    this.#context = contextOf(replica)
    this.#frontier = this.#context.frontier(frontier).log.name
  }

  /**
   * Signs an entry for the frontier's present state, sends it to a hub, and reads entry and
   * snapshot back. A hub of Vela gets the whole frontier with it, and nothing if it could not serve
   * it.
   * @throws ReplicaError ERR_PEER_UNKNOWN; ERR_FETCH if the hub does not respond; ERR_ABORTED; the
   * code with which the hub refuses, else ERR_PUBLISH. At a hub of Vela, before anything is sent:
   * ERR_ENTRY_OWNER if the served entry is of another key, ERR_ENTRY_STALE if it is later or the
   * frontier is deprecated, ERR_PUBLISH if the frontier is too large or the hub publishes by git
   */
  async publish(to: PublishTo, options: PublishOptions = {}): Promise<PublishReport> {
    const url = this.#urlOf(to)
    const withContent = !(await isReplicaHub(url, options))
    const { entry, content } = await this.#entry(url, options)
    const body = withContent ? publicationBody(entry, content) : utf8(printEntry(entry))
    if (withContent) await this.#checkPublishable(url, { entry, body, options })
    const answer = await this.#send(url, body, options)
    const promoted = answer.get('event_first_promoted') === true
    const given = promoted ? undefined : textOr(answer.get('event_first_error'), 'no reason given').slice(0, DETAIL_MAX)
    const { fault, servedNow } = await this.#readBack(url, entry, options)
    const duplicate = answer.get('duplicate') === true
    const waits = given ?? fault
    return { frontier: this.#frontier, url, entry, duplicate, withContent, waits, servedNow }
  }

  /** Refuses what would make a hub of Vela serve nothing. Nothing has been sent yet. */
  async #checkPublishable(url: string, { entry, body, options }: Publication): Promise<void> {
    const served = await readServedEntry(url, this.#frontier, options)
    const now = `nothing was published; served now: ${wordsOf(served)}`
    const facts = { url }
    if (body.length > FETCH_LIMITS.frontierBytesMax) {
      const size = `the frontier with its entry has ${body.length} bytes, a hub takes ${FETCH_LIMITS.frontierBytesMax}`
      throw new ReplicaError('ERR_PUBLISH', `${size}; ${now}`, { facts })
    }
    if (served.kind === 'unreadable') {
      const reason = served.byGit ? 'this hub publishes by git' : `the served entry cannot be read: ${served.reason}`
      throw new ReplicaError('ERR_PUBLISH', `${reason}; ${now}`, { facts })
    }
    if (await isDeprecatedAt(url, this.#frontier, options))
      throw new ReplicaError('ERR_ENTRY_STALE', `the frontier is deprecated at ${url}; ${now}`, { facts })
    if (served.kind !== 'entry') return
    if (served.entry.owner_pubkey !== entry.owner_pubkey && options.successor !== true) {
      const whose = `the entry served now is signed by another key, ${served.entry.owner_pubkey}`
      throw new ReplicaError('ERR_ENTRY_OWNER', `${whose}; ${now}`, { facts })
    }
    if (compareEntries(served.entry, entry) >= 0)
      throw new ReplicaError('ERR_ENTRY_STALE', `the entry served now is not earlier; ${now}`, { facts })
  }

  async #send(url: string, body: Uint8Array, options: PublishOptions): Promise<ReadonlyMap<string, Json>> {
    try {
      return await post(`${url}/entries`, body, options)
    } catch (error) {
      if (!hasCode(error) || error.code === 'ERR_ABORTED' || error.code === 'ERR_PEER_URL') throw error
      const served = await readServedEntry(url, this.#frontier, options).catch(() => undefined)
      const now = served === undefined ? 'unknown, because the hub does not respond' : wordsOf(served)
      const git = error.facts.status === 405 ? 'this hub takes no entries: it publishes by git; ' : ''
      throw new ReplicaError(error.code, `${git}${error.message}; served now: ${now}`, { facts: error.facts })
    }
  }

  /** Returns why the hub does not serve the entry with its content, and what it serves. */
  async #readBack(
    url: string,
    entry: RegistryEntry,
    options: FetchOptions,
  ): Promise<{ fault: string | undefined; servedNow: string }> {
    const served = await readServedEntry(url, this.#frontier, options)
    if (served.kind !== 'entry') return { fault: 'the entry is not served', servedNow: wordsOf(served) }
    const fault = await snapshotFault(url, served.entry, options)
    const servedNow = fault === undefined ? wordsOf(served) : `${wordsOf(served)}, without its content: ${fault}`
    const isThis = served.entry.signature === entry.signature
    return { fault: isThis ? fault : 'another entry is served', servedNow }
  }

  /**
   * Marks the frontier as deprecated, permanently.
   * @throws ReplicaError as `publish`
   */
  deprecate(to: PublishTo, options: FetchOptions & { readonly reason: string }): Promise<RecordReport> {
    const draft = { schema: DEPRECATION_SCHEMA, deprecated_at: this.#context.now(), reason: options.reason } as const
    return this.#record('deprecate', to, { draft: { ...draft, vfr_id: this.#frontier }, options })
  }

  /**
   * Transfers the frontier to another key, permanently.
   * @throws ReplicaError as `publish`
   */
  rotateOwner(
    to: PublishTo,
    options: FetchOptions & { readonly publicKey: string; readonly reason: string },
  ): Promise<RecordReport> {
    const { publicKey, reason } = options
    const draft = {
      schema: ROTATION_SCHEMA,
      new_owner_pubkey: publicKey,
      rotated_at: this.#context.now(),
      reason,
    } as const
    return this.#record('rotate-owner', to, { draft: { ...draft, vfr_id: this.#frontier }, options })
  }

  async #record(
    path: string,
    to: PublishTo,
    { draft, options }: { draft: OwnershipDraft; options: FetchOptions },
  ): Promise<RecordReport> {
    const url = this.#urlOf(to)
    const frontier = this.#frontier
    const record = signOwnershipRecord(draft, this.#context.key)
    const answer = await post(`${url}/entries/${frontier}/${path}`, printOwnershipRecord(record), options)
    return { frontier, url, duplicate: answer.get('duplicate') === true, owner: ownerIn(answer, draft) }
  }

  async #entry(url: string, options: PublishOptions): Promise<{ entry: RegistryEntry; content: Uint8Array }> {
    const { key, hubId } = this.#context
    const frontier = this.#frontier
    const { file, text, absent } = await exportFrontier(this.#replica, frontier)
    requireTexts(absent, frontier)
    const meta = file.members.get('frontier')
    const draft = {
      vfr_id: frontier,
      name: textOr(meta instanceof Map ? meta.get('name') : undefined, frontier),
      owner_actor_id: options.owner ?? hubId,
      latest_snapshot_hash: snapshotHash(file, { reader: '0.40' }),
      latest_event_log_hash: eventLogHash(file.events, 'full'),
      network_locator: options.locator ?? `${url}/entries/${frontier}/snapshot`,
      signed_publish_at: this.#context.now(),
      ...(options.license !== undefined && { license: options.license }),
    }
    return { entry: signEntry(draft, key), content: text }
  }

  #urlOf(to: PublishTo): string {
    if ('url' in to) return plainUrl(to.url)
    const peer = this.#context.frontier(this.#frontier).registry.get(to.peer)
    if (peer !== undefined) return plainUrl(peer.url)
    throw new ReplicaError('ERR_PEER_UNKNOWN', `${to.peer} is not registered for ${this.#frontier}`)
  }
}

interface Publication {
  readonly entry: RegistryEntry
  readonly body: Uint8Array
  readonly options: PublishOptions
}

function plainUrl(url: string): string {
  return webUrl(url).replace(/\/+$/, '')
}

/** Returns the entry with the whole frontier as its member `substrate`. */
function publicationBody(entry: RegistryEntry, content: Uint8Array): Uint8Array {
  return concat([utf8(`${printEntry(entry).slice(0, -1)},"substrate":`), content, utf8('}')])
}

function wordsOf(served: ServedEntryReading): string {
  switch (served.kind) {
    case 'entry':
      return `the entry of ${served.entry.signed_publish_at} of the key ${served.entry.owner_pubkey.slice(0, 16)}…`
    case 'none':
      return served.status === 404 ? 'nothing' : `nothing (HTTP ${served.status})`
    case 'unreadable':
      return 'an entry without a signature that can be checked'
  }
}

/** Returns the owner's key after a record; a hub of Vela has a name of its own for it. */
function ownerIn(answer: ReadonlyMap<string, Json>, draft: OwnershipDraft): string {
  const stated = textOr(answer.get('owner_pubkey') ?? answer.get('effective_owner_pubkey'), '')
  return stated === '' && draft.schema === ROTATION_SCHEMA ? draft.new_owner_pubkey : stated
}

/**
 * Posts to a hub and returns the members of its response.
 * @throws ReplicaError with the hub's code if it states one, else ERR_PUBLISH; ERR_FETCH if it does
 * not respond
 */
async function post(url: string, body: string | Uint8Array, options: FetchOptions): Promise<ReadonlyMap<string, Json>> {
  const outcome = await postTo(url, body, options)
  if ('error' in outcome) throw new ReplicaError('ERR_FETCH', `${url}: ${outcome.error}`, { facts: { url, status: 0 } })
  const { status } = outcome
  const answer = answerMembers(outcome.body)
  if (status === 200 || status === 201) return answer
  const facts = { url, status }
  const code = answer.get('code')
  const reason = textOr(answer.get('error'), '').slice(0, DETAIL_MAX)
  if (typeof code === 'string' && isErrorCode(code))
    throw new ReplicaError(code, reason === '' ? `the hub refused with HTTP ${status}` : reason, { facts })
  throw new ReplicaError('ERR_PUBLISH', `the hub refused with HTTP ${status}${reason && `: ${reason}`}`, { facts })
}

function textOr(value: Json | undefined, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? value : otherwise
}
