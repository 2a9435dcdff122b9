// Streams committed nodes in the order of this store's log, without end. Nothing is kept per
// reader: the log has all nodes, and a commit only wakes a reader at the end. A slow reader costs
// one batch in memory, and a reader that stopped can continue after the last number it saw. Spec:
// protocol/live.md, L14 and L15.

import { ReplicaError } from '../base/errors.ts'
import { Signal } from '../base/signal.ts'
import type { Frontier } from './frontier.ts'
import { rowsAt } from './log-reader.ts'
import { type NodeView, nodeView } from './node-view.ts'

/** Bytes of one batch, which is kept in memory while the reader handles it. At least one node. */
const BATCH_BYTES = 256 * 1024
/** Largest timer delay of Node, in ms. */
const LONG_MS = 2 ** 31 - 1

/** Which changes to read, and when to stop. */
export interface ChangesOptions {
  /**
   * Sequence number of the first node; default: the present end of the log. To continue, use the
   * last `seq` plus 1.
   */
  readonly since?: number
  /** Reads only events of these kinds. */
  readonly kinds?: readonly string[]
  /** Number of nodes after which the stream ends. */
  readonly limit?: number
  /** Ends the stream without an error. */
  readonly signal?: AbortSignal
}

/**
 * Returns the stream. It also ends when `closed` fires, which means that the replica closes.
 * @throws ReplicaError ERR_USAGE for a number after the end of the log
 */
export function changesOf(frontier: Frontier, options: ChangesOptions, closed: AbortSignal): AsyncGenerator<NodeView> {
  const { nodes, name } = frontier.log
  const { since = nodes, signal } = options
  if (!Number.isSafeInteger(since) || since < 0) throw new ReplicaError('ERR_USAGE', `not a sequence number: ${since}`)
  if (since > nodes) {
    const facts = { next: nodes }
    throw new ReplicaError('ERR_USAGE', `the log of ${name} ends before ${since}: that cursor is from another store`, {
      facts,
    })
  }
  const until = signal === undefined ? closed : AbortSignal.any([signal, closed])
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

/** Keeps the process alive while it waits for a commit. */
async function awake(woken: Promise<void>): Promise<void> {
  const handle = setInterval(() => {}, LONG_MS)
  await woken
  clearInterval(handle)
}
