// Serves the metrics of a hub in the Prometheus text format. Labels are bounded: at most
// `metricsFrontiersMax` frontiers, and none if only registered keys may read. Spec:
// protocol/http.md, H9.

import { HTTP_LIMITS } from '../../base/limits.ts'
import { compareText } from '../../base/text.ts'
import { PACKAGE_VERSION } from '../../base/version.ts'
import type { FrontierStore, SharingStatus } from '../../store/store.ts'
import type { HubContext } from '../hub-context.ts'
import type { RouteResponse } from '../response.ts'

interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  /** One value, or one value per printed label set. */
  readonly value: number | readonly (readonly [labels: string, value: number])[]
}

export interface HubMetrics {
  /** Inbound sessions, and outbound links to followed peers. */
  readonly sessions: number
  readonly links: number
  /** Connections of any kind, and those that were closed to make room. */
  readonly connections: number
  readonly evicted: number
  /** Sessions of registered keys that ended because of a quota. */
  readonly slowed: number
  /** Memory of the process in bytes; undefined if unknown. */
  readonly residentBytes: number | undefined
}

/** Returns all metrics as text. */
export async function metrics(
  hub: HubContext,
  measured: HubMetrics & { readonly streams: number },
): Promise<RouteResponse> {
  const diskBytes = await hub.context.store.diskBytes()
  const shared = await hub.context.store.sharing?.status()
  const parts = [hubMetrics(hub, measured), storeMetrics(hub, diskBytes), sharingMetrics(shared), frontierMetrics(hub)]
  const all = parts.flat()
  const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', 'cache-control': 'no-store' }
  return { status: 200, headers, body: all.map(print).join('') }
}

function print({ name, type, help, value }: Metric): string {
  const rows = typeof value === 'number' ? [['', value] as const] : value
  if (rows.length === 0) return ''
  const samples = rows.map(([labels, sample]) => `replica_${name}${labels} ${sample}\n`)
  return `# HELP replica_${name} ${help}\n# TYPE replica_${name} ${type}\n${samples.join('')}`
}

function hubMetrics(
  { counters }: HubContext,
  { sessions, links, streams, connections, evicted, slowed, residentBytes }: HubMetrics & { streams: number },
): Metric[] {
  const { p50, p99, max } = counters.delay()
  const delays = [
    ['{quantile="0.5"}', p50],
    ['{quantile="0.99"}', p99],
    ['{quantile="1"}', max],
  ] as const
  const responses = [...counters.responses].map(([status, count]) => [`{status="${status}"}`, count] as const)
  const info = [[`{version="${PACKAGE_VERSION}"}`, 1]] as const
  const resident = residentBytes === undefined ? [] : ([['', residentBytes]] as const)
  return [
    { name: 'info', type: 'gauge', help: 'Version of the program.', value: info },
    { name: 'uptime_seconds', type: 'gauge', help: 'Since the hub listens.', value: counters.uptimeSeconds },
    { name: 'resident_bytes', type: 'gauge', help: 'Memory of the process.', value: resident },
    { name: 'event_loop_delay_seconds', type: 'gauge', help: 'How late timers were, lately.', value: delays },
    { name: 'connections', type: 'gauge', help: 'Connections open, of any kind.', value: connections },
    { name: 'connections_closed_total', type: 'counter', help: 'Closed to make room.', value: evicted },
    { name: 'sessions_slowed_total', type: 'counter', help: 'Ended because of a quota.', value: slowed },
    { name: 'sessions', type: 'gauge', help: 'Sync sessions open.', value: sessions },
    { name: 'links', type: 'gauge', help: 'Links to peers that are followed.', value: links },
    { name: 'streams', type: 'gauge', help: 'Streams of events open.', value: streams },
    { name: 'http_answers_total', type: 'counter', help: 'HTTP answers by class of status.', value: responses },
    { name: 'nodes_admitted_total', type: 'counter', help: 'Nodes admitted from peers.', value: counters.admitted },
    { name: 'nodes_known_total', type: 'counter', help: 'Nodes sent that were stored.', value: counters.known },
    { name: 'nodes_held_total', type: 'counter', help: 'Nodes from peers put aside.', value: counters.held },
    { name: 'nodes_refused_total', type: 'counter', help: 'Nodes from peers refused.', value: counters.refused },
  ]
}

function storeMetrics({ context, counters }: HubContext, diskBytes: number): Metric[] {
  const held = context.store.held.usage()
  const isWritable = context.store.health?.refusal === undefined
  return [
    { name: 'store_writable', type: 'gauge', help: '1 if the store accepts writes.', value: isWritable ? 1 : 0 },
    {
      name: 'store_damaged_total',
      type: 'counter',
      help: 'Requests and sessions that found damage in the store.',
      value: counters.damaged,
    },
    { name: 'store_disk_bytes', type: 'gauge', help: 'Size of the store.', value: diskBytes },
    { name: 'held_nodes', type: 'gauge', help: 'Nodes kept aside.', value: held.nodes },
    { name: 'held_bytes', type: 'gauge', help: 'The same, in bytes.', value: held.bytes },
    { name: 'frontiers', type: 'gauge', help: 'Frontiers kept.', value: context.frontiers.size },
  ]
}

function sharingMetrics(shared: SharingStatus | undefined): Metric[] {
  if (shared === undefined) return []
  const { isReplicated, unknownWrites, feedAgeMs, lagBytes } = shared
  const lag = lagBytes === undefined ? [] : ([['', lagBytes]] as const)
  return [
    {
      name: 'store_replicated',
      type: 'gauge',
      help: '1 if a commit waits for a second machine.',
      value: isReplicated ? 1 : 0,
    },
    { name: 'store_unknown_writes_total', type: 'counter', help: 'Writes of unknown outcome.', value: unknownWrites },
    { name: 'store_feed_age_seconds', type: 'gauge', help: 'Since the last look at others.', value: feedAgeMs / 1000 },
    { name: 'store_lag_bytes', type: 'gauge', help: 'What the best standby lacks.', value: lag },
  ]
}

function frontierMetrics({ context, openRead }: HubContext): Metric[] {
  const names = openRead ? [...context.frontiers.keys()].sort(compareText) : []
  const logs = names.slice(0, HTTP_LIMITS.metricsFrontiersMax).map(name => context.frontier(name).log)
  const each = (value: (log: (typeof logs)[number]) => number) =>
    logs.map(log => [`{frontier="${log.name}"}`, value(log)] as const)
  return [
    { name: 'frontier_nodes', type: 'gauge', help: 'Nodes stored.', value: each(log => log.nodes) },
    { name: 'frontier_events', type: 'gauge', help: 'Distinct events stored.', value: each(log => log.events) },
    { name: 'frontier_heads', type: 'gauge', help: 'Heads.', value: each(log => log.headCount) },
    { name: 'frontier_texts', type: 'gauge', help: 'Texts by state, if some are not here.', value: textsOf(logs) },
  ]
}

function textsOf(logs: readonly FrontierStore[]): (readonly [labels: string, value: number])[] {
  const partial = logs.filter(log => log.texts().here < log.nodes)
  return partial.flatMap(log =>
    Object.entries(log.texts()).map(
      ([state, count]) => [`{frontier="${log.name}",state="${state.replace('-', '_')}"}`, count] as const,
    ),
  )
}
