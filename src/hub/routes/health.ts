// What a hub says of itself: its signed manifest, and whether it is up and ready. Specification: protocol/http.md, H7 and
// H8.

import { HTTP_LIMITS, NODE_LIMITS } from '../../base/limits.ts'
import { PACKAGE_VERSION } from '../../base/version.ts'
import { toJson } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import { signManifest } from '../../vela/federation/hub-manifest.ts'
import type { HubContext } from '../hub-context.ts'
import { jsonAnswer, type RouteResponse, uncachedJson } from '../response.ts'

/** The version of Vela's hub protocol whose shapes these answers have. */
const HUB_PROTOCOL = '0.48'
const CANONICAL_JSON = 'vela.canonical-json/v1'
const SIGNED_FOR_MS = 60_000

export class HealthRoutes {
  readonly #site: HubContext
  readonly #sessions: () => number
  #signed: { text: string; key: string; at: number } | undefined

  constructor(site: HubContext, sessions: () => number) {
    this.#site = site
    this.#sessions = sessions
  }

  /** Whether sessions are taken. */
  health(): RouteResponse {
    const { home, stopping } = this.#site
    const ok = !stopping.aborted
    return uncachedJson({ ok, hub_id: home.hubId, sessions: this.#sessions() }, ok ? 200 : 503)
  }

  /** Whether frontiers are loaded, the store is read, and no write of it has failed. */
  async ready(): Promise<RouteResponse> {
    const { home, stopping, counts } = this.#site
    const readable = await home.store.records.get('self/hub-id').then(
      () => true,
      () => false,
    )
    const writable = readable && !counts.writesFailed
    const ok = writable && !stopping.aborted
    return uncachedJson({ ok, readable, writable, frontiers: home.frontiers.size }, ok ? 200 : 503)
  }

  /** Signed by this hub's key; signed again after a minute, or when the key has changed. */
  wellKnown(): RouteResponse {
    const { key } = this.#site.home
    const now = performance.now()
    let signed = this.#signed
    if (signed === undefined || signed.key !== key.publicKey || now - signed.at > SIGNED_FOR_MS) {
      signed = { text: signManifest(this.#manifest(), key), key: key.publicKey, at: now }
      this.#signed = signed
    }
    return jsonAnswer(signed.text)
  }

  #manifest(): Map<string, Json> {
    const { home, base } = this.#site
    const site = base()
    const manifest = {
      name: home.hubId,
      version: PACKAGE_VERSION,
      protocol_version: HUB_PROTOCOL,
      site,
      signed_at: home.now(),
      endpoints: {
        registry: `${site}/entries`,
        publish: `${site}/entries`,
        entry: `${site}/entries/{vfr_id}`,
        events: `${site}/entries/{vfr_id}/events`,
        events_stream: `${site}/entries/{vfr_id}/events/stream`,
        frontier_inbox: `${site}/frontier/{vfr_id}/inbox`,
        snapshot: `${site}/entries/{vfr_id}/snapshot`,
        manifest: `${site}/manifest/{vfr_id}.json`,
        heads: `${site}/frontiers/{vfr_id}/heads`,
        block: `${site}/blocks/{cid}`,
        conflicts: `${site}/conflicts`,
        status: `${site}/entries/{vfr_id}/status`,
        rotate_owner: `${site}/entries/{vfr_id}/rotate-owner`,
        deprecate: `${site}/entries/{vfr_id}/deprecate`,
        maintainers: `${site}/entries/{vfr_id}/maintainers`,
        sync: `${site.replace(/^http/, 'ws')}/`,
      },
      agent_sla: {
        max_events_per_request: HTTP_LIMITS.eventsPageMax,
        max_bytes_per_event: NODE_LIMITS.eventBytesMax,
        retry_after_seconds: 15,
      },
      schemas: ['vela.event.v0.1', 'vela.registry-entry.v0.1', 'vela.registry.v0.1', 'vela.events-page.v0.1'],
      canonical_json: CANONICAL_JSON,
      canonical_json_v1: CANONICAL_JSON, // where clients of Vela hubs look
      read: this.#site.openRead ? 'anyone' : 'registered',
    }
    return toJson(manifest) as Map<string, Json>
  }
}
