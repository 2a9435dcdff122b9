// Publishes to a hub: the signed entry of a frontier in its present state, and the owner's records
// about it. The hub decides; nothing is stored here. Spec: protocol/http.md, H14 and H21.

import { hasCode, isErrorCode, ReplicaError } from '../base/errors.ts'
import { parseJson } from '../json/json.ts'
import type { Json } from '../json/value.ts'
import { contextOf, type Replica } from '../replica/replica.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import {
  DEPRECATION_SCHEMA,
  type OwnershipDraft,
  printOwnershipRecord,
  ROTATION_SCHEMA,
  signOwnershipRecord,
} from '../vela/federation/ownership.ts'
import { printEntry, type RegistryEntry, signEntry } from '../vela/federation/registry-entry.ts'
import { eventLogHash } from '../vela/hashes/event-log-hash.ts'
import { snapshotHash } from '../vela/hashes/snapshot-hash.ts'
import { type FetchOptions, postTo, webUrl } from './fetch-frontier.ts'
import { exportFrontier, requireTexts } from './files/snapshot.ts'

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
}

/** Result of publishing an entry. */
export interface PublishReport {
  readonly frontier: string
  readonly url: string
  readonly entry: RegistryEntry
  /** Whether the hub had this entry already. */
  readonly duplicate: boolean
  /** Why the hub does not serve the entry yet; undefined if it does. */
  readonly waits: string | undefined
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
   * Signs an entry for the frontier's present state and sends it to a hub.
   * @throws ReplicaError ERR_PEER_UNKNOWN; ERR_FETCH if the hub does not respond; ERR_ABORTED; the
   * code with which the hub refuses
   */
  async publish(to: PublishTo, options: PublishOptions = {}): Promise<PublishReport> {
    const url = this.#urlOf(to)
    const entry = await this.#entry(url, options)
    const answer = await post(`${url}/entries`, printEntry(entry), options)
    const waits =
      answer.get('event_first_promoted') === true
        ? undefined
        : textOr(answer.get('event_first_error'), 'no reason given')
    return { frontier: this.#frontier, url, entry, duplicate: answer.get('duplicate') === true, waits }
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
    return { frontier, url, duplicate: answer.get('duplicate') === true, owner: textOr(answer.get('owner_pubkey'), '') }
  }

  async #entry(url: string, options: PublishOptions): Promise<RegistryEntry> {
    const { key, hubId } = this.#context
    const frontier = this.#frontier
    const { file, absent } = await exportFrontier(this.#replica, frontier)
    requireTexts(absent, frontier)
    const meta = file.members.get('frontier')
    const draft = {
      vfr_id: frontier,
      name: textOr(meta instanceof Map ? meta.get('name') : undefined, frontier),
      owner_actor_id: options.owner ?? hubId,
      latest_snapshot_hash: snapshotHash(file),
      latest_event_log_hash: eventLogHash(file.events, 'full'),
      network_locator: options.locator ?? `${url}/entries/${frontier}/snapshot`,
      signed_publish_at: this.#context.now(),
      ...(options.license !== undefined && { license: options.license }),
    }
    return signEntry(draft, key)
  }

  #urlOf(to: PublishTo): string {
    if ('url' in to) return plainUrl(to.url)
    const peer = this.#context.frontier(this.#frontier).registry.get(to.peer)
    if (peer !== undefined) return plainUrl(peer.url)
    throw new ReplicaError('ERR_PEER_UNKNOWN', `${to.peer} is not registered for ${this.#frontier}`)
  }
}

function plainUrl(url: string): string {
  return webUrl(url).replace(/\/+$/, '')
}

/**
 * Posts to a hub and returns the members of its response.
 * @throws ReplicaError with the hub's code if it states one, else ERR_FETCH
 */
async function post(url: string, body: string, options: FetchOptions): Promise<ReadonlyMap<string, Json>> {
  const outcome = await postTo(url, body, options)
  if ('error' in outcome) throw new ReplicaError('ERR_FETCH', `${url}: ${outcome.error}`, { facts: { url, status: 0 } })
  const { status } = outcome
  const answer = readAnswer(outcome.body)
  if (status === 200 || status === 201) return answer
  const facts = { url, status }
  const code = answer.get('code')
  const detail = textOr(answer.get('error'), `the hub responded with HTTP status ${status}`).slice(0, DETAIL_MAX)
  throw new ReplicaError(typeof code === 'string' && isErrorCode(code) ? code : 'ERR_FETCH', detail, { facts })
}

/** Reads a response; one that is not a JSON object has no members. */
function readAnswer(body: Uint8Array): ReadonlyMap<string, Json> {
  try {
    const value = parseJson(body)
    return value instanceof Map ? value : new Map()
  } catch (error) {
    if (!hasCode(error, 'ERR_JSON')) throw error
    return new Map()
  }
}

function textOr(value: Json | undefined, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? value : otherwise
}
