// What is merged into a frontier, as it is merged: nodes in this store's order, from a number on,
// without end. Nothing is kept for a reader: the log has it all, a commit only wakes whoever has
// read to the end. So a slow reader costs one batch, and one that left goes on later from the
// number after the last it saw. Specification: protocol/live.md, L14 and L15.

import { ReplicaError } from '../base/errors.ts'
import { Signal } from '../base/signal.ts'
import type { Frontier } from './frontier.ts'
import { rowsAt } from './log-reader.ts'
import { type NodeView, nodeView } from './node-view.ts'

/** Read at once and kept while the reader is busy with it. Bytes; at least one node. */
const BATCH_BYTES = 256 * 1024
/** About the longest time that a timer takes. */
const LONG_MS = 2 ** 31 - 1

export interface ChangesOptions {
  /**
   * The first number to be told of; from the present end of the log on when absent. After a change,
   * its `seq` and 1.
   */
  readonly since?: number
  /** Only events of these kinds. */
  readonly kinds?: readonly string[]
  /** Ends after this many. */
  readonly limit?: number
  /** Ends the changes, without an error. */
  readonly signal?: AbortSignal
}

/**
 * `over`: the replica is being closed, which ends the changes too.
 * @throws ReplicaError ERR_USAGE for a number past the end
 */
export function changesOf(frontier: Frontier, options: ChangesOptions, over: AbortSignal): AsyncGenerator<NodeView> {
  const { nodes, name } = frontier.log
  const { since = nodes, signal } = options
  if (!Number.isSafeInteger(since) || since < 0) throw new ReplicaError('ERR_USAGE', `not a sequence number: ${since}`)
  if (since > nodes) {
    const facts = { next: nodes }
    throw new ReplicaError('ERR_USAGE', `the log of ${name} ends before ${since}: that cursor is from another store`, {
      facts,
    })
  }
  const until = signal === undefined ? over : AbortSignal.any([signal, over])
  return read(frontier, { ...options, since }, until)
}

async function* read(
  frontier: Frontier,
  { since, kinds, limit = Number.POSITIVE_INFINITY }: ChangesOptions & { since: number },
  until: AbortSignal,
): AsyncGenerator<NodeView> {
  const { log } = frontier
  const signal = new Signal()
  const notify = (): void => signal.notify()
  const unsubscribe = frontier.onCommit(notify)
  until.addEventListener('abort', notify)
  try {
    let seq = since
    let left = limit
    while (!until.aborted && left > 0) {
      const woken = signal.wait()
      const rows = await rowsAt(log, { from: seq, to: log.nodes, batchBytes: BATCH_BYTES })
      if (rows.length === 0) await awake(woken)
      for (const row of rows) {
        if (until.aborted || left === 0) return
        const view = nodeView(row)
        seq = view.seq + 1
        if (kinds !== undefined && !(view.event !== undefined && kinds.includes(view.event.kind))) continue
        left -= 1
        yield view
      }
    }
  } finally {
    until.removeEventListener('abort', notify)
    unsubscribe()
  }
}

/**
 * Waiting for a commit is work to be done: a process that does nothing else doesn't end meanwhile.
 */
async function awake(woken: Promise<void>): Promise<void> {
  const handle = setInterval(() => {}, LONG_MS)
  await woken
  clearInterval(handle)
}
