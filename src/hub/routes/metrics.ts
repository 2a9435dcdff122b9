// The metrics of a hub in the text format of Prometheus. Labels are few and bounded: frontiers one by one up to a limit, and
// not at all where only registered keys may read. Specification: protocol/http.md, H9.

import { HTTP_LIMITS } from '../../base/limits.ts'
import { compareText } from '../../base/text.ts'
import { PACKAGE_VERSION } from '../../base/version.ts'
import type { HubContext } from '../hub-context.ts'
import type { RouteResponse } from '../response.ts'

interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  /** Value, or values by labels as they are printed. */
  readonly value: number | readonly (readonly [labels: string, value: number])[]
}

export interface HubMetrics {
  /** Sessions of peers that came, and links to peers that are followed. */
  readonly sessions: number
  readonly links: number
  /** Bytes; undefined where the process doesn't say. */
  readonly residentBytes: number | undefined
}

export async function metrics(
  site: HubContext,
  measures: HubMetrics & { readonly streams: number },
): Promise<RouteResponse> {
  const all = [...ofHub(site, measures), ...ofStore(site, await site.home.store.diskBytes()), ...ofFrontiers(site)]
  const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', 'cache-control': 'no-store' }
  return { status: 200, headers, body: all.map(print).join('') }
}

function print({ name, type, help, value }: Metric): string {
  const rows = typeof value === 'number' ? [['', value] as const] : value
  if (rows.length === 0) return ''
  const samples = rows.map(([labels, sample]) => `replica_${name}${labels} ${sample}\n`)
  return `# HELP replica_${name} ${help}\n# TYPE replica_${name} ${type}\n${samples.join('')}`
}

function ofHub(
  { counts }: HubContext,
  { sessions, links, streams, residentBytes }: HubMetrics & { streams: number },
): Metric[] {
  const { p50, p99, max } = counts.delay()
  const delays = [
    ['{quantile="0.5"}', p50],
    ['{quantile="0.99"}', p99],
    ['{quantile="1"}', max],
  ] as const
  const answers = [...counts.answers].map(([status, count]) => [`{status="${status}"}`, count] as const)
  const info = [[`{version="${PACKAGE_VERSION}"}`, 1]] as const
  const resident = residentBytes === undefined ? [] : ([['', residentBytes]] as const)
  return [
    { name: 'info', type: 'gauge', help: 'Version of the program.', value: info },
    { name: 'uptime_seconds', type: 'gauge', help: 'Since the hub listens.', value: counts.uptimeSeconds },
    { name: 'resident_bytes', type: 'gauge', help: 'Memory of the process.', value: resident },
    { name: 'event_loop_delay_seconds', type: 'gauge', help: 'How late timers were, lately.', value: delays },
    { name: 'connections', type: 'gauge', help: 'Connections open, of any kind.', value: counts.connections },
    { name: 'sessions', type: 'gauge', help: 'Sync sessions open.', value: sessions },
    { name: 'links', type: 'gauge', help: 'Links to peers that are followed.', value: links },
    { name: 'streams', type: 'gauge', help: 'Streams of events open.', value: streams },
    { name: 'http_answers_total', type: 'counter', help: 'HTTP answers by class of status.', value: answers },
    { name: 'nodes_admitted_total', type: 'counter', help: 'Nodes admitted from peers.', value: counts.admitted },
    { name: 'nodes_known_total', type: 'counter', help: 'Nodes sent that were stored.', value: counts.known },
    { name: 'nodes_held_total', type: 'counter', help: 'Nodes from peers put aside.', value: counts.held },
    { name: 'nodes_refused_total', type: 'counter', help: 'Nodes from peers refused.', value: counts.refused },
  ]
}

function ofStore({ home }: HubContext, diskBytes: number): Metric[] {
  const held = home.store.held.usage()
  return [
    { name: 'store_disk_bytes', type: 'gauge', help: 'Size of the store.', value: diskBytes },
    { name: 'held_nodes', type: 'gauge', help: 'Nodes kept aside.', value: held.nodes },
    { name: 'held_bytes', type: 'gauge', help: 'The same, in bytes.', value: held.bytes },
    { name: 'frontiers', type: 'gauge', help: 'Frontiers kept.', value: home.frontiers.size },
  ]
}

function ofFrontiers({ home, openRead }: HubContext): Metric[] {
  const names = openRead ? [...home.frontiers.keys()].sort(compareText) : []
  const logs = names.slice(0, HTTP_LIMITS.metricsFrontiersMax).map(name => home.frontier(name).log)
  const each = (value: (log: (typeof logs)[number]) => number) =>
    logs.map(log => [`{frontier="${log.name}"}`, value(log)] as const)
  return [
    { name: 'frontier_nodes', type: 'gauge', help: 'Nodes stored.', value: each(log => log.nodes) },
    { name: 'frontier_events', type: 'gauge', help: 'Distinct events stored.', value: each(log => log.events) },
    { name: 'frontier_heads', type: 'gauge', help: 'Heads.', value: each(log => log.headCount) },
  ]
}
