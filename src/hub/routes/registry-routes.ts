// Entries by HTTP: those that this hub signs for its own frontiers, those that owners published here, and the publishing.
// An entry is only ever served when the frontier that is served beside it has its hashes. Specification: protocol/http.md,
// H13 to H15.

import { hasCode, ReplicaError } from '../../base/errors.ts'
import { FETCH_LIMITS, HTTP_LIMITS } from '../../base/limits.ts'
import { compareText } from '../../base/text.ts'
import { printString } from '../../json/json.ts'
import type { Frontier } from '../../replica/frontier.ts'
import { compareEntries, printEntry, type RegistryEntry, readEntry } from '../../vela/federation/registry-entry.ts'
import { REGISTRY_SCHEMA } from '../../vela/federation/registry-file.ts'
import { readFrontier } from '../../vela/files/frontier-file.ts'
import { contentHashes } from '../../vela/hashes/snapshot-hash.ts'
import { ConcurrencyLimit } from '../concurrency-limit.ts'
import type { HubContext } from '../hub-context.ts'
import { problemOf } from '../problem.ts'
import { checkJsonBody, readBody, splitPublication } from '../publication-body.ts'
import { jsonAnswer, type RouteResponse } from '../response.ts'
import { type RequestContext, readLimit } from '../router.ts'
import type { ServedEntry } from '../served-entries.ts'

const { entriesPageMax, publishBytesMax, publishingMax, publishingPerAddressMax } = HTTP_LIMITS

export class Entries {
  readonly #site: HubContext
  readonly #publishing = new ConcurrencyLimit({ most: publishingMax, ofAddress: publishingPerAddressMax })

  constructor(site: HubContext) {
    this.#site = site
  }

  /** All frontiers whose entry can be served, newest publication first; a page of frontiers at a time. */
  async list({ query }: RequestContext): Promise<RouteResponse> {
    const limit = readLimit(query, { max: entriesPageMax, usual: entriesPageMax })
    const after = query.get('after') ?? ''
    const { frontiers } = this.#site.home
    const names = [...frontiers.keys()].sort(compareText).filter(name => compareText(name, after) > 0)
    const page = names.slice(0, limit)
    const entries: RegistryEntry[] = []
    for (const name of page) {
      const standing = await this.#listed(frontiers.get(name)!)
      if (standing === undefined || !('entry' in standing)) continue
      entries.push(standing.entry)
    }
    entries.sort((a, b) => compareEntries(b, a) || compareText(a.vfr_id, b.vfr_id))
    const next = page.length < names.length ? printString(page.at(-1)!) : 'null'
    const texts = entries.map(printEntry).join(',')
    return jsonAnswer(`{"entries":[${texts}],"next_cursor":${next},"schema":"${REGISTRY_SCHEMA}"}`)
  }

  async one(asked: RequestContext): Promise<RouteResponse> {
    const frontier = this.#site.home.frontier(asked.names[0]!)
    const { name } = frontier.log
    const standing = await this.#site.standing.of(frontier, 'first')
    if (standing === undefined)
      throw new ReplicaError('ERR_NOT_FOUND', `the owner of ${name} has published no entry here`)
    if ('fault' in standing) {
      const stale = new ReplicaError('ERR_ENTRY_STALE', `no entry is of what is held: ${standing.fault}`)
      return problemOf(stale, { status: 424, more: { ok: false, vfr_id: name, availability: 'unavailable' } })
    }
    return jsonAnswer(printEntry(standing.entry))
  }

  async publish({ request, address }: RequestContext): Promise<RouteResponse> {
    checkJsonBody(request)
    const leave = this.#publishing.acquire(address)
    if (leave === undefined) throw new ReplicaError('ERR_HTTP_BUSY', 'others are publishing: try again in a moment')
    try {
      return await this.#publish(await readBody(request, publishBytesMax))
    } finally {
      leave()
    }
  }

  async #publish(body: Uint8Array): Promise<RouteResponse> {
    const { publishing, home } = this.#site
    const parts = splitPublication(body)
    const { substrate } = parts
    if (parts.entry.length > FETCH_LIMITS.entryBytesMax)
      throw new ReplicaError('ERR_ENTRY', `an entry has at most ${FETCH_LIMITS.entryBytesMax} bytes`)
    const entry = withoutSubstrate(readEntry(parts.entry))
    const content = (bytes: Uint8Array) => () => ({ frontier: readFrontier(bytes).id, ...contentHashes(bytes) })
    const verdict = await publishing.publish(entry, substrate === undefined ? undefined : content(substrate))
    const { name } = home.frontier(entry.vfr_id).log
    home.emit({ kind: 'session', message: `an entry of ${name} was published`, facts: { frontier: name, verdict } })
    const fault = await this.#waitsFor(home.frontier(name), entry)
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
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store', location: `/entries/${name}` }
    return { status: verdict === 'duplicate' ? 200 : 201, headers, body: `${JSON.stringify(members)}\n` }
  }

  /** Why a published entry is not served yet; null when it is. */
  async #waitsFor(frontier: Frontier, entry: RegistryEntry): Promise<string | null> {
    const standing = await this.#site.standing.of(frontier, 'second').catch(error => {
      if (isTooMuch(error)) return { fault: error.message }
      throw error
    })
    if (standing !== undefined && 'fault' in standing) return standing.fault
    const isServed = standing !== undefined && hasSameContent(standing.entry, entry)
    return isServed ? null : 'what is held has other hashes: an earlier entry stands until its nodes are here'
  }

  /** For a list: what is deprecated, and what can't be told of now, is left out. */
  async #listed(frontier: Frontier): Promise<ServedEntry> {
    const { standing, owners } = this.#site
    try {
      if ((await owners.of(frontier)).deprecation !== undefined) return undefined
      return await standing.of(frontier, 'first')
    } catch (error) {
      if (isTooMuch(error) || hasCode(error, 'ERR_NOT_FOUND')) return undefined
      throw error
    }
  }
}

function hasSameContent(a: RegistryEntry, b: RegistryEntry): boolean {
  return a.latest_snapshot_hash === b.latest_snapshot_hash && a.latest_event_log_hash === b.latest_event_log_hash
}

/** Whether a frontier can't be captured, at all or just now. */
function isTooMuch(error: unknown): error is ReplicaError {
  return hasCode(error, 'ERR_HTTP_LIMIT') || hasCode(error, 'ERR_HTTP_BUSY')
}

/** The member is no part of an entry; what stands in its place says only that it was there. */
function withoutSubstrate(entry: RegistryEntry): RegistryEntry {
  const rest = new Map(entry.rest)
  rest.delete('substrate')
  return { ...entry, rest }
}
