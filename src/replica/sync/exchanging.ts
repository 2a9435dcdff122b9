// A session in which nodes flow both ways at once, or one way, run to its end: what went which way, and whether both sides have
// the same heads now.

import type { Mode } from '../../sync/message.ts'
import type { ReplicaPort } from '../../transport/session.ts'
import { type MergeReport, reportedByPeer } from '../merge-observer.ts'
import type { ReplicaContext } from '../replica-context.ts'
import { reportOf, type SyncOptions, type SyncReport } from './sync-client.ts'
import { beginMerge, runChannel, type Syncing } from './syncing.ts'

/** What a sink did with the nodes of one way. */
export type DirectionReport = Pick<
  SyncReport,
  'admitted' | 'known' | 'held' | 'held_count' | 'refused' | 'refused_count'
>

export interface ExchangeReport extends Omit<SyncReport, keyof DirectionReport> {
  readonly mode: Mode
  /** What this replica did with what came; absent when nothing was to come. */
  readonly in?: DirectionReport
  /** What the peer did with what went out, and which conflicts that opened there; absent when nothing was to go. */
  readonly out?: DirectionReport & MergeReport
}

export async function exchangeWith(
  home: ReplicaContext,
  services: ReplicaPort,
  sync: Syncing,
  options: SyncOptions,
): Promise<ExchangeReport> {
  const { frontier, peer, mode } = sync
  const from = await beginMerge(home, frontier)
  const report = await runChannel(home, services, sync, options, ({ channel, exchange }) => {
    const { log, registry } = home.frontier(frontier)
    const ours = { heads: log.heads(), headsDigest: log.headsDigest(), registry: registry.digest() }
    const parts = { channel, exchange, peer }
    const came = channel.sink === undefined ? undefined : reportOf({ ...parts, mode: 'pull' }, ours)
    const went = channel.source === undefined ? undefined : reportOf({ ...parts, mode: 'push' }, ours)
    return join(mode, { came, went, told: reportedByPeer(channel) })
  })
  const facts: { [name: string]: string | number } = { peer, heads_digest: report.heads_digest }
  for (const way of ['in', 'out'] as const) {
    const { admitted = 0, held_count = 0, refused_count = 0 } = report[way] ?? {}
    if (admitted + held_count + refused_count === 0) continue
    Object.assign(facts, {
      [`${way}_admitted`]: admitted,
      [`${way}_held`]: held_count,
      [`${way}_refused`]: refused_count,
    })
  }
  if (Object.keys(facts).length > 2) await home.journal.write(frontier, `sync.${mode}`, facts)
  if (report.in === undefined) return report
  const { admitted } = report.in
  const merge = { frontier, peer, from, admitted, isAsked: options.conflicts === true, isAwaited: false }
  return { ...report, ...(await home.observer.afterMerge(merge)) }
}

interface Ways {
  readonly came: SyncReport | undefined
  readonly went: SyncReport | undefined
  readonly told: MergeReport
}

/** The peer speaks of its heads last where it was sent something. */
function join(mode: Mode, { came, went, told }: Ways): ExchangeReport {
  const { admitted, known, held, held_count, refused, refused_count, note, ...rest } = (went ?? came)!
  const why = rest.equal ? undefined : ((came?.refused_count || came?.held_count ? came.note : undefined) ?? note)
  return {
    ...rest,
    mode,
    ...(came === undefined ? {} : { in: wayOf(came) }),
    ...(went === undefined ? {} : { out: { ...wayOf(went), ...told } }),
    ...(why === undefined ? {} : { note: why }),
  }
}

function wayOf({ admitted, known, held, held_count, refused, refused_count }: SyncReport): DirectionReport {
  return { admitted, known, held, held_count, refused, refused_count }
}
