// Serves the signed manifest of a hub, its health and its readiness. Spec: protocol/http.md, H7 and
// H8.

import { HTTP_LIMITS, NODE_LIMITS } from '../../base/limits.ts'
import { PACKAGE_VERSION } from '../../base/version.ts'
import { toJson } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import type { Records } from '../../store/store.ts'
import type { WriteRefusal } from '../../store/store-health.ts'
import { signManifest } from '../../vela/federation/hub-manifest.ts'
import type { HubContext } from '../hub-context.ts'
import { jsonResponse, type RouteResponse, uncachedJson } from '../response.ts'

/** Returns the error of the operating system, else the code: no path of this machine is shown. */
function reasonOf({ error }: WriteRefusal): string {
  const { errno } = error.facts
  return typeof errno === 'string' ? errno : error.code
}

/** A database that can't be reached is waited for by other calls, but not by this one. */
async function isReadable(records: Records): Promise<boolean> {
  const read = records.get('self/hub-id').then(
    () => true,
    () => false,
  )
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>(resolve => {
    timer = setTimeout(resolve, READ_MS_MAX, false)
  })
  return Promise.race([read, late]).finally(() => clearTimeout(timer))
}

/** ms that the check of readiness waits for a read. */
const READ_MS_MAX = 2000

/** Version of Vela's hub protocol that the manifest follows. */
const HUB_PROTOCOL = '0.48'
const CANONICAL_JSON = 'vela.canonical-json/v1'
const SIGNATURE_MS_MAX = 60_000

/**
 * Routes that are open to everyone.
 *
 * @example
 * const health = new HealthRoutes(hub, () => sessions.size)
 * const route = { path: '/healthz', open: true, GET: () => health.health() }
 */
export class HealthRoutes {
  readonly #hub: HubContext
  readonly #sessions: () => number
  #signed: { text: string; key: string; at: number } | undefined

  constructor(hub: HubContext, sessions: () => number) {
    this.#hub = hub
    this.#sessions = sessions
  }

  /** Returns 200 while the hub accepts sessions. */
  health(): RouteResponse {
    const { context, stopping } = this.#hub
    const ok = !stopping.aborted
    return uncachedJson({ ok, hub_id: context.hubId, sessions: this.#sessions() }, { status: ok ? 200 : 503 })
  }

  /** Returns 200 while the store is readable and accepts writes. */
  async ready(): Promise<RouteResponse> {
    const { context, stopping } = this.#hub
    const readable = await isReadable(context.store.records)
    const refusal = context.store.health?.refusal
    const writable = readable && refusal === undefined
    const ok = writable && !stopping.aborted
    const frontiers = context.frontiers.size
    const reason = refusal === undefined ? {} : { reason: reasonOf(refusal) }
    const { sharing } = context.store
    const replicated = sharing === undefined ? {} : { replicated: sharing.isReplicated }
    const { damaged } = this.#hub.counters
    const members = { ok, readable, writable, ...replicated, ...reason, ...(damaged > 0 && { damaged }), frontiers }
    return uncachedJson(members, { status: ok ? 200 : 503 })
  }

  /**
   * Returns the manifest, signed again after `SIGNATURE_MS_MAX` and when the hub's key has changed.
   */
  wellKnown(): RouteResponse {
    const { key } = this.#hub.context
    const now = performance.now()
    let signed = this.#signed
    if (signed === undefined || signed.key !== key.publicKey || now - signed.at > SIGNATURE_MS_MAX) {
      signed = { text: signManifest(this.#manifest(), key), key: key.publicKey, at: now }
      this.#signed = signed
    }
    return jsonResponse(signed.text)
  }

  #manifest(): Map<string, Json> {
    const { context, baseUrl, openRead } = this.#hub
    const site = baseUrl()
    const manifest = {
      name: context.hubId,
      version: PACKAGE_VERSION,
      protocol_version: HUB_PROTOCOL,
      site,
      signed_at: context.now(),
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
      canonical_json_v1: CANONICAL_JSON, // the name that clients of Vela hubs read
      read: openRead ? 'anyone' : 'registered',
    }
    return toJson(manifest) as Map<string, Json>
  }
}
