// The pages of a hub for people with a browser: the hub, a frontier, a finding. They are made of
// the same state that the other routes serve, and change nothing. Spec: protocol/http.md, H32.

import { toHex } from '../../base/bytes.ts'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import { HTTP_LIMITS } from '../../base/limits.ts'
import { PAGE_LIMITS } from '../../base/page-limits.ts'
import { compareText } from '../../base/text.ts'
import type { EventView } from '../../event/event-view.ts'
import { printJson } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import type { ListedConflict } from '../../projection/conflict-list.ts'
import { FrontierProjection } from '../../projection/frontier-projection.ts'
import { rowsByReference } from '../../replica/log-reader.ts'
import { type NodeView, nodeView } from '../../replica/node-view.ts'
import type { FrontierStore } from '../../store/store.ts'
import { type FindingRow, viewObject, viewRows } from '../../vela/state/read-out.ts'
import { matchingEvent } from '../event-cursor.ts'
import type { HubContext } from '../hub-context.ts'
import type { RouteResponse } from '../response.ts'
import type { RequestContext } from '../router.ts'
import { dagPicture } from './dag-picture.ts'
import { type Html, html } from './html.ts'
import { pageResponse } from './page-frame.ts'

const { pageFrontiersMax, pageFindingsMax, pageConflictsMax, pageNodesMax } = PAGE_LIMITS
const { pageHistoryMax, pageScannedMax } = PAGE_LIMITS

/**
 * The pages of one hub.
 *
 * @example
 * const pages = new PageRoutes(hub)
 * const route = { path: '/', GET: () => pages.home() }
 */
export class PageRoutes {
  readonly #hub: HubContext

  constructor(hub: HubContext) {
    this.#hub = hub
  }

  /** The hub: its name and key, how to clone, and its frontiers. */
  async home(): Promise<RouteResponse> {
    const { context } = this.#hub
    const { publicKey } = context.key
    const names = [...context.frontiers.keys()].sort(compareText)
    const shown = names.slice(0, pageFrontiersMax)
    const rows: Html[] = []
    for (const name of shown) rows.push(await this.#frontierRow(name))
    const refusal = context.store.health?.refusal
    const health =
      refusal === undefined
        ? 'serves, and accepts writes'
        : html`<span class="mark">serves, but its store refuses writes</span>`
    const body = html`<h1>${context.hubId}</h1>
<p>A hub of signed event logs. Anyone may read; registered keys may write.</p>
<dl>
<dt>Key</dt><dd><code>${fingerprint(publicKey)}</code></dd>
<dt>Health</dt><dd>${health}</dd>
<dt>Clone</dt><dd><code>replica clone ${context.address ?? ''} --key ${publicKey}${names.length > 1 ? ' --frontier vfr_…' : ''}</code></dd>
</dl>
<h2>Frontiers</h2>
${names.length === 0 ? html`<p class="quiet">There is no frontier yet.</p>` : html`<ul class="rows">${rows}</ul>`}
${rest(names.length, shown.length, 'frontiers')}`
    return pageResponse({ title: context.hubId, name: context.hubId, body })
  }

  /**
   * A frontier: counts, the last nodes as a picture, conflicts, findings.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_FRONTIER_ID
   */
  async frontier({ params }: RequestContext): Promise<RouteResponse> {
    const { context } = this.#hub
    const { log } = context.frontier(params[0]!)
    const title = await titleOf(log)
    const body = html`<h1>${title}</h1>
${counts(log)}
${await this.#state(log)}
<h2>Last nodes</h2>
${await lastNodes(log)}`
    return pageResponse({ title, name: context.hubId, body })
  }

  /**
   * A finding: its present state, its conflicts, its history.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_FRONTIER_ID, ERR_NOT_FOUND, ERR_HTTP_LIMIT
   */
  async finding({ params }: RequestContext): Promise<RouteResponse> {
    const [frontier, id] = [params[0]!, params[1]!]
    const { context } = this.#hub
    const { log } = context.frontier(frontier)
    const projection = this.#projection(log)
    if (projection === undefined)
      throw new ReplicaError('ERR_HTTP_LIMIT', 'the frontier is too large to replay for a request')
    const found = await projection.read(view => {
      const row = viewRows(view).findings.find(one => one.id === id)
      return row === undefined ? undefined : { row, text: assertionOf(viewObject(view, 'findings', id)) }
    })
    if (found === undefined) throw new ReplicaError('ERR_NOT_FOUND', 'the frontier has no such finding')
    const conflicts = (await projection.listed([id])).filter(({ findingId }) => findingId === id)
    const body = html`<h1>${found.text ?? id}</h1>
<dl>
<dt>Finding</dt><dd class="id">${id}</dd>
<dt>Frontier</dt><dd><a href="/view/${frontier}">${await titleOf(log)}</a></dd>
<dt>Confidence</dt><dd>${scoreOf(found.row)}</dd>
<dt>Status</dt><dd>${statusOf(found.row)}</dd>
</dl>
${await this.#conflicts(log, conflicts)}
<h2>History</h2>
${await history(log, id)}`
    return pageResponse({ title: found.text ?? id, name: context.hubId, body })
  }

  /** Undefined for a log that is too long to replay for a request. */
  #projection(log: FrontierStore): FrontierProjection | undefined {
    const projection = FrontierProjection.of(this.#hub.context, log.name)
    return log.nodes > HTTP_LIMITS.snapshotNodesMax && !projection.isLoaded ? undefined : projection
  }

  async #frontierRow(name: string): Promise<Html> {
    const { log } = this.#hub.context.frontier(name)
    const [last] = log.nodes === 0 ? [] : await log.read([log.nodes - 1])
    const time = last === undefined ? undefined : nodeView(last).event?.timestamp
    return html`<li data-frontier="${name}"><a href="/view/${name}">${await titleOf(log)}</a>
<div class="quiet"><span class="id">${name}</span> · events <span data-count="events">${thousands(log.events)}</span> · heads <span data-count="head_count">${thousands(log.headCount)}</span>${time === undefined ? '' : ` · last event of ${time}`}</div></li>`
  }

  /** Conflicts and findings, or the reason why they are not shown. */
  async #state(log: FrontierStore): Promise<Html> {
    const projection = this.#projection(log)
    if (projection === undefined)
      return html`<p class="quiet">Findings and conflicts are not shown: the log is too long to replay for a page.</p>`
    const { findings, texts } = await projection.read(view => {
      const all = viewRows(view).findings
      const some = all.slice(0, pageFindingsMax)
      return { findings: all, texts: some.map(({ id }) => assertionOf(viewObject(view, 'findings', id))) }
    })
    const rows = texts.map((text, at) => findingRow(log.name, findings[at]!, text))
    const withheld = projection.withheld
    return html`${await this.#conflicts(log, await projection.listed())}
<h2>Findings (${thousands(findings.length)})</h2>
${withheld === 0 ? '' : html`<p class="quiet">The texts of ${thousands(withheld)} nodes are not here; what they say is not shown.</p>`}
${findings.length === 0 ? html`<p class="quiet">No event states a finding.</p>` : html`<ul class="rows">${rows}</ul>`}
${rest(findings.length, rows.length, 'findings')}`
  }

  async #conflicts(log: FrontierStore, conflicts: readonly ListedConflict[]): Promise<Html> {
    if (conflicts.length === 0) return html`<p class="quiet">No open conflict.</p>`
    const shown: Html[] = []
    for (const conflict of conflicts.slice(0, pageConflictsMax)) shown.push(await conflictRow(log, conflict))
    return html`<h2 class="mark">Open conflicts (${thousands(conflicts.length)})</h2>
<ul class="rows">${shown}</ul>
${rest(conflicts.length, shown.length, 'conflicts')}`
  }
}

async function conflictRow(log: FrontierStore, conflict: ListedConflict): Promise<Html> {
  const sides: Html[] = []
  for (const [at, event] of conflict.events.slice(0, 2).entries())
    sides.push(sideOf({ event, value: conflict.values[at]!, by: await eventOf(log, event) }))
  const { findingId } = conflict
  const about = findingId === undefined ? '' : html` of <a href="/view/${log.name}/${findingId}">${findingId}</a>`
  return html`<li><span class="mark">${conflict.field ?? conflict.kind ?? 'resolutions'}</span>${about}
<div class="quiet id">${conflict.id}</div>
<div class="sides">${sides}</div></li>`
}

function sideOf({ event, value, by }: { event: string; value: Json; by: EventView | undefined }): Html {
  const author =
    by === undefined ? '' : html`<div>${by.actor.id}</div><div class="quiet">${by.timestamp} · ${by.reason}</div>`
  return html`<div><strong>${typeof value === 'string' ? value : printJson(value)}</strong>${author}<div class="quiet id">${event}</div></div>`
}

/** Undefined if the text is not here. */
async function eventOf(log: FrontierStore, id: string): Promise<EventView | undefined> {
  const rows = await rowsByReference(log, id)
  const row = rows.find(({ text }) => text === 'here')
  return row === undefined ? undefined : nodeView(row).event
}

function counts(log: FrontierStore): Html {
  return html`<dl data-frontier="${log.name}">
<dt>Frontier</dt><dd class="id">${log.name}</dd>
<dt>Events</dt><dd data-count="events">${thousands(log.events)}</dd>
<dt>Nodes</dt><dd data-count="nodes">${thousands(log.nodes)}</dd>
<dt>Heads</dt><dd data-count="head_count">${thousands(log.headCount)}</dd>
<dt>Digest of the heads</dt><dd class="id">${toHex(log.headsDigest()).slice(0, 16)}…</dd>
</dl>`
}

async function lastNodes(log: FrontierStore): Promise<Html> {
  const count = Math.min(pageNodesMax, log.nodes)
  const rows = await log.read(Array.from({ length: count }, (_, at) => log.nodes - 1 - at))
  if (rows.length === 0) return html`<p class="quiet">The log is empty.</p>`
  const items = rows.map(row => html`<li>${nodeLine(log, nodeView(row))}</li>`)
  return html`<div class="graph">${dagPicture(rows)}<ol>${items}</ol></div>`
}

function nodeLine(log: FrontierStore, { event, cid }: NodeView): Html {
  if (event === undefined) return html`<span class="quiet">a text that is not here · ${cid}</span>`
  const { kind, actor, timestamp, reason, target } = event
  const name = target.id.startsWith('vf_') ? html`<a href="/view/${log.name}/${target.id}">${kind}</a>` : kind
  return html`${name} · ${actor.id} <span class="quiet">· ${timestamp} · ${reason}</span>`
}

function findingRow(frontier: string, row: FindingRow, text: string | undefined): Html {
  return html`<li><a href="/view/${frontier}/${row.id}">${text ?? row.id}</a>
<div class="quiet">confidence ${scoreOf(row)} · ${statusOf(row)} · <span class="id">${row.id}</span></div></li>`
}

function scoreOf(row: FindingRow): string {
  return String(Number(row.confidence_score))
}

function statusOf(row: FindingRow): Html {
  const states = [
    row.retracted ? html`<span class="mark">retracted</span>` : undefined,
    row.contested ? html`<span class="mark">contested</span>` : undefined,
    row.review_state === 'none' ? 'not reviewed' : row.review_state,
  ].filter(state => state !== undefined)
  return html`${states.map((state, at) => (at === 0 ? state : [', ', state]))}`
}

/** The statement of a finding. */
function assertionOf(body: ReadonlyMap<string, Json> | undefined): string | undefined {
  const assertion = body?.get('assertion')
  const text = assertion instanceof Map ? assertion.get('text') : undefined
  return typeof text === 'string' && text !== '' ? text : undefined
}

/** The events about a finding, newest first, from the last `pageScannedMax` nodes. */
async function history(log: FrontierStore, finding: string): Promise<Html> {
  const from = Math.max(0, log.nodes - pageScannedMax)
  const found: NodeView[] = []
  for await (const rows of log.scan({ from, to: log.nodes })) {
    for (const row of rows) {
      const text = await matchingEvent(log, row, { kind: undefined, target: finding })
      if (text !== undefined) found.push(nodeView(row))
    }
    if (found.length > pageHistoryMax) found.splice(0, found.length - pageHistoryMax)
  }
  const items = found.reverse().map(
    ({ event, id }) => html`<li>${event!.kind} · ${event!.actor.id}
<div class="quiet">${event!.timestamp} · <span class="id">${id}</span></div>
<div>${event!.reason}</div></li>`,
  )
  const older =
    from > 0 || found.length === pageHistoryMax ? html`<p class="quiet">Older events are not shown.</p>` : ''
  return html`<ul class="rows">${items}</ul>${older}`
}

/** The name that the first event gives the frontier, else its id. */
async function titleOf(log: FrontierStore): Promise<string> {
  const [first] = log.nodes === 0 ? [] : await log.read([0])
  try {
    const event = first === undefined ? undefined : nodeView(first).event
    const name =
      event?.kind === 'frontier.created' && event.payload instanceof Map ? event.payload.get('name') : undefined
    return typeof name === 'string' && name !== '' ? name : log.name
  } catch (error) {
    if (!hasCode(error)) throw error
    return log.name
  }
}

function rest(all: number, shown: number, noun: string): Html | string {
  return all <= shown ? '' : html`<p class="quiet">${thousands(all - shown)} more ${noun} are not shown.</p>`
}

/** Groups of four hex digits, the first 32: enough to compare by eye or by phone. */
function fingerprint(publicKey: string): string {
  return publicKey.slice(0, 32).replace(/(.{4})(?=.)/g, '$1 ')
}

function thousands(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',')
}
