// Reads what a live channel sends: the log from a sequence number to its present end, from recent
// rows in memory if they reach back so far, else from the store. Also watches the registry. Spec:
// protocol/sync.md, S46 and S51.

import { isErasure } from '../../admission/erasure-event.ts'
import { type Digest, equals } from '../../base/bytes.ts'
import type { SetTimer } from '../../base/timer.ts'
import { eventMatcher } from '../../event/event-filter.ts'
import { withTextAside } from '../../node/node.ts'
import { FRAME_FILL_BYTES } from '../../sync/frame-packing.ts'
import type { LogTail, RowsOptions } from '../../transport/replica-port.ts'
import type { Frontier } from '../frontier.ts'
import { rowsAt } from '../log-reader.ts'
import type { RecentRow } from './recent-rows.ts'

/** Nodes of a log after which a round states the trace again. */
const TRACED_NODES = 64
/** ms between two looks for wanted texts. */
const TEXTS_LOOK_MS = 30_000

export async function followOf(frontier: Frontier, from: number): Promise<LogTail> {
  const { log, recentRows } = frontier
  // Count and digest are read in one iteration of the event loop, so that they are consistent.
  const count = log.nodes
  const digest = log.headsDigest()
  const isTraced = Math.floor(count / TRACED_NODES) > Math.floor(from / TRACED_NODES)
  let next = from
  return {
    count,
    digest,
    ...(isTraced ? { trace: await frontier.trace(count) } : {}),
    async rows(options) {
      const rows =
        recentRows.take(next, count, FRAME_FILL_BYTES) ??
        (await rowsAt(log, { from: next, to: count, batchBytes: FRAME_FILL_BYTES }))
      next += rows.length
      return { rows: sentRows(rows, options), last: next >= count }
    },
  }
}

/**
 * Returns rows as a source sends them. A replica that does not keep all texts needs those of
 * erasures.
 */
export function sentRows(rows: readonly RecentRow[], { texts }: RowsOptions): readonly RecentRow[] {
  if (texts === 'all') return rows
  const matches = texts === 'none' ? () => false : eventMatcher(texts)
  return rows.map(row => {
    const { bytes, headerBytes } = row
    const text = bytes.subarray(headerBytes)
    if (text.length === 0 || isErasure(text) || matches(text)) return row
    const header = bytes.subarray(0, headerBytes)
    return { ...row, bytes: texts === 'none' ? header : withTextAside(header) }
  })
}

/**
 * Calls the listener once when the registry's digest differs from `since`, after held nodes were
 * reevaluated.
 * @returns a function that unsubscribes
 */
export function watchRegistry({ registry, gate }: Frontier, since: Digest, listener: () => void): () => void {
  let isOver = false
  const end = registry.subscribe(() => look())
  const tell = (): void => {
    if (!isOver) listener()
    isOver = true
    end()
  }
  const look = (): void => {
    if (!isOver && !equals(registry.digest(), since)) setImmediate(() => gate.exclusive(async () => {}).then(tell))
  }
  look()
  return () => {
    isOver = true
    end()
  }
}

/**
 * Calls the listener once when a wanted text can be requested from the peer again, because the
 * delay since the last request is over. Looks every 30 s, and only while a text is wanted.
 * @returns a function that ends this
 */
export function watchTexts(
  { log, textRequests }: Pick<Frontier, 'log' | 'textRequests'>,
  { peer, now, setTimer }: { readonly peer: Uint8Array; readonly now: () => number; readonly setTimer: SetTimer },
  listener: () => void,
): () => void {
  let isOver = false
  const look = async (): Promise<void> => {
    if (isOver) return
    const isDue = log.texts().wanted > 0 && (await textRequests.hasDue(peer, now()).catch(() => false))
    if (isOver) return
    if (isDue) listener()
    else timer = setTimer(TEXTS_LOOK_MS, () => void look())
  }
  let timer = setTimer(TEXTS_LOOK_MS, () => void look())
  return () => {
    isOver = true
    timer.stop()
  }
}
