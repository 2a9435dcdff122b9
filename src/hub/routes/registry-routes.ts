// Serves registry entries, those that this hub signs and those that owners published, and accepts
// publications. An entry is served only while its snapshot has the hashes of the entry. Spec:
// protocol/http.md, H13 to H15 and H23.

import { hasCode, ReplicaError } from '../../base/errors.ts'
import { FETCH_LIMITS, HTTP_LIMITS } from '../../base/limits.ts'
import { compareText } from '../../base/text.ts'
import { printString } from '../../json/json.ts'
import type { Frontier } from '../../replica/frontier.ts'
import { compareEntries, printEntry, type RegistryEntry, readEntry } from '../../vela/federation/registry-entry.ts'
import { REGISTRY_SCHEMA } from '../../vela/federation/registry-file.ts'
import { readFrontier } from '../../vela/files/frontier-file.ts'
import { contentHashes } from '../../vela/hashes/snapshot-hash.ts'
import { ConcurrencyLimit } from '../clients/concurrency-limit.ts'
import type { HubContext } from '../hub-context.ts'
import { problemOf } from '../problem.ts'
import { checkJsonBody, readBody, splitPublication } from '../publication-body.ts'
import { jsonResponse, type RouteResponse, uncachedJson } from '../response.ts'
import { type RequestContext, readLimit } from '../router.ts'
import type { ServedEntry } from '../served-entries.ts'

const { entriesPageMax, publishBytesMax, publishingMax, publishingPerAddressMax } = HTTP_LIMITS

/**
 * Routes of `/entries`.
 *
 * @example
 * const entries = new EntryRoutes(hub)
 * const route = { path: '/entries', GET: request => entries.list(request) }
 */
export class EntryRoutes {
  readonly #hub: HubContext
  readonly #limit = new ConcurrencyLimit({ max: publishingMax, perAddressMax: publishingPerAddressMax })

  constructor(hub: HubContext) {
    this.#hub = hub
  }

  /**
   * Returns the entries of a page of frontiers, those without one left out, newest publication
   * first.
   */
  async list({ query }: RequestContext): Promise<RouteResponse> {
    const limit = readLimit(query, { max: entriesPageMax, usual: entriesPageMax })
    const after = query.get('after') ?? ''
    const { frontiers } = this.#hub.context
    const names = [...frontiers.keys()].sort(compareText).filter(name => compareText(name, after) > 0)
    const page = names.slice(0, limit)
    const entries: RegistryEntry[] = []
    for (const name of page) {
      const served = await this.#listed(frontiers.get(name)!)
      if (served !== undefined && 'entry' in served) entries.push(served.entry)
    }
    entries.sort((a, b) => compareEntries(b, a) || compareText(a.vfr_id, b.vfr_id))
    const next = page.length < names.length ? printString(page.at(-1)!) : 'null'
    const texts = entries.map(printEntry).join(',')
    return jsonResponse(`{"entries":[${texts}],"next_cursor":${next},"schema":"${REGISTRY_SCHEMA}"}`)
  }

  /** Returns the served entry of one frontier. */
  async one({ params }: RequestContext): Promise<RouteResponse> {
    const frontier = this.#hub.context.frontier(params[0]!)
    const { name } = frontier.log
    const served = await this.#hub.served.find(frontier, 'first')
    if (served === undefined)
      throw new ReplicaError('ERR_NOT_FOUND', `the owner of ${name} has not published an entry here`)
    if ('fault' in served) {
      const stale = new ReplicaError('ERR_ENTRY_STALE', `no published entry matches the frontier: ${served.fault}`)
      return problemOf(stale, { status: 424, more: { ok: false, vfr_id: name, availability: 'unavailable' } })
    }
    return jsonResponse(printEntry(served.entry))
  }

  /** Accepts a publication. */
  async publish({ message, group }: RequestContext): Promise<RouteResponse> {
    checkJsonBody(message)
    const release = this.#limit.acquire(group)
    if (release === undefined) throw new ReplicaError('ERR_HTTP_BUSY', 'too many concurrent publications: try again')
    try {
      return await this.#publish(await readBody(message, publishBytesMax))
    } finally {
      release()
    }
  }

  async #publish(body: Uint8Array): Promise<RouteResponse> {
    const { intake, context } = this.#hub
    const parts = splitPublication(body)
    const { substrate } = parts
    if (parts.entry.length > FETCH_LIMITS.entryBytesMax)
      throw new ReplicaError('ERR_ENTRY', `an entry has at most ${FETCH_LIMITS.entryBytesMax} bytes`)
    const entry = withoutSubstrate(readEntry(parts.entry))
    const content = (bytes: Uint8Array) => () => ({ frontier: readFrontier(bytes).id, ...contentHashes(bytes) })
    const verdict = await intake.publish(entry, substrate === undefined ? undefined : content(substrate))
    const frontier = context.frontier(entry.vfr_id)
    const { name } = frontier.log
    context.emit({ kind: 'session', message: `an entry of ${name} was published`, facts: { frontier: name, verdict } })
    const fault = await this.#pendingReason(frontier, entry)
    const members = {
      ok: true,
      duplicate: verdict === 'duplicate',
      vfr_id: name,
      signed_publish_at: entry.signed_publish_at,
      snapshot_inserted: false,
      blob_url: null,
      event_first_promoted: fault === null,
      event_first_error: fault,
    }
    const status = verdict === 'duplicate' ? 200 : 201
    return uncachedJson(members, { status, headers: { location: `/entries/${name}` } })
  }

  /** Returns why a published entry is not served yet; null if it is served. */
  async #pendingReason(frontier: Frontier, entry: RegistryEntry): Promise<string | null> {
    const served = await this.#hub.served.find(frontier, 'second').catch(error => {
      if (isWithoutSnapshot(error)) return { fault: error.message }
      throw error
    })
    if (served !== undefined && 'fault' in served) return served.fault
    const isServed = served !== undefined && hasSameContent(served.entry, entry)
    return isServed ? null : 'the frontier has other hashes: an earlier entry is served until the nodes arrive'
  }

  /**
   * Returns undefined for a frontier that the list omits: a deprecated one, and one without a
   * snapshot at the moment.
   */
  async #listed(frontier: Frontier): Promise<ServedEntry> {
    const { served, owners } = this.#hub
    try {
      if ((await owners.of(frontier)).deprecation !== undefined) return undefined
      return await served.find(frontier, 'first')
    } catch (error) {
      if (isWithoutSnapshot(error) || hasCode(error, 'ERR_NOT_FOUND')) return undefined
      throw error
    }
  }
}

function hasSameContent(a: RegistryEntry, b: RegistryEntry): boolean {
  return a.latest_snapshot_hash === b.latest_snapshot_hash && a.latest_event_log_hash === b.latest_event_log_hash
}

/** Whether the frontier is too large for a snapshot, lacks texts, or has none at the moment. */
function isWithoutSnapshot(error: unknown): error is ReplicaError {
  return hasCode(error, 'ERR_HTTP_LIMIT', 'ERR_HTTP_BUSY', 'ERR_TEXT_WITHHELD')
}

/** Removes the null that replaced the content; it is not a member of the entry. */
function withoutSubstrate(entry: RegistryEntry): RegistryEntry {
  const rest = new Map(entry.rest)
  rest.delete('substrate')
  return { ...entry, rest }
}
