// Reading a frontier as callers see it: nodes in one order or the other, events, and what a reference names.

import { ReplicaError } from '../base/errors.ts'
import type { FrontierStore, NodeRow } from '../store/store.ts'
import { inReplayOrder } from './log-reader.ts'
import { type NodeView, nodeView } from './node-view.ts'

export interface NodesOptions {
  /** First sequence number; only in arrival order. */
  readonly since?: number
  /** `arrival` (the default) is this store's order, `replay` the order that every replica agrees on. */
  readonly order?: 'arrival' | 'replay'
  /** Children before parents. */
  readonly reverse?: boolean
  readonly signal?: AbortSignal
}

export function nodesOf(log: FrontierStore, options: NodesOptions): AsyncGenerator<NodeView> {
  const { order = 'arrival', since = 0, reverse = false, signal } = options
  const batches =
    order === 'arrival'
      ? log.scan({ from: since, to: log.nodes, reverse })
      : inReplayOrder(log, { reverse, twins: 'all' })
  return views(batches, signal)
}

/** The events in replay order, each once although several nodes may carry it. */
export function eventsOf(log: FrontierStore, signal: AbortSignal | undefined): AsyncGenerator<NodeView> {
  return views(inReplayOrder(log, { reverse: false, twins: 'once' }), signal)
}

/** Rows from `from` on, in one batch that isn't empty if there are any; nothing of the store stays open. */
export async function rowsAt(
  log: FrontierStore,
  options: { from: number; to: number; batchBytes: number },
): Promise<NodeRow[]> {
  if (options.from >= options.to) return []
  for await (const rows of log.scan(options)) return rows
  return []
}

async function* views(batches: AsyncIterable<NodeRow[]>, signal: AbortSignal | undefined): AsyncGenerator<NodeView> {
  for await (const rows of batches) {
    for (const row of rows) {
      if (signal?.aborted) throw new ReplicaError('ERR_ABORTED', 'reading was aborted')
      yield nodeView(row)
    }
  }
}
