// Sends events as server-sent events when they become durable. A stream reads the log in batches at
// the pace of its reader. A reader that stalls costs one batch and one socket buffer, is
// disconnected after `stallMsMax`, and resumes from its last id.
// Spec: protocol/http.md, H17.

import { concat, utf8 } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import { HTTP_LIMITS } from '../../base/limits.ts'
import type { Frontier } from '../../replica/frontier.ts'
import { rowsAt } from '../../replica/log-reader.ts'
import type { FrontierStore, NodeRow } from '../../store/store.ts'
import { ConcurrencyLimit } from '../clients/concurrency-limit.ts'
import type { ClientWork } from '../clients/stranger-work.ts'
import { type EventFilter, matchingEvent, readFilter, seqAfter } from '../event-cursor.ts'
import type { HubContext } from '../hub-context.ts'
import type { ResponseWriter, RouteResponse } from '../response.ts'
import type { RequestContext } from '../router.ts'

const { streamsMax, streamsPerAddressMax, streamHeartbeatMs } = HTTP_LIMITS
const BATCH_BYTES = 64 * 1024
const END = utf8('\n\n')

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no', // otherwise some proxies buffer events
}

/**
 * The open event streams of a hub.
 *
 * @example
 * const streams = new EventStreams(hub)
 * const route = { path: '/frontier/{frontier}/inbox', GET: request => streams.stream(request) }
 */
export class EventStreams {
  readonly #hub: HubContext
  readonly #writers = new Set<ResponseWriter>()
  readonly #limit = new ConcurrencyLimit({ max: streamsMax, perAddressMax: streamsPerAddressMax })

  constructor(hub: HubContext) {
    this.#hub = hub
    hub.stopping.addEventListener('abort', () => {
      for (const writer of this.#writers) writer.wake()
    })
  }

  /**
   * Returns a response that streams events after `Last-Event-ID`, else after `since`, else all.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_HTTP_REQUEST for an unknown cursor,
   * ERR_HTTP_BUSY
   */
  async stream({ params, query, message, group, work }: RequestContext): Promise<RouteResponse> {
    const frontier = this.#hub.context.frontier(params[0]!)
    const lastId = message.headers['last-event-id']
    const from = await seqAfter(frontier.log, typeof lastId === 'string' && lastId !== '' ? lastId : query.get('since'))
    const filter = readFilter(query)
    let reader: ResponseWriter | undefined
    const release = this.#limit.acquire(group, () => reader?.destroy())
    if (release === undefined) throw new ReplicaError('ERR_HTTP_BUSY', 'too many streams are open')
    const body = async (writer: ResponseWriter): Promise<void> => {
      reader = writer
      try {
        await this.#run(frontier, { from, filter, work }, writer)
      } finally {
        work.end()
        release()
      }
    }
    // The body of a HEAD response never runs.
    if (message.method === 'HEAD') release()
    return { status: 200, headers: HEADERS, body, isStream: true }
  }

  /** Streams that are open. */
  get count(): number {
    return this.#limit.inUse
  }

  async #run(
    frontier: Frontier,
    options: { from: number; filter: EventFilter; work: ClientWork },
    writer: ResponseWriter,
  ): Promise<void> {
    const { log } = frontier
    const { stopping } = this.#hub
    const wake = (): void => writer.wake()
    const unsubscribes = [frontier.recentRows.join(), frontier.onCommit(wake), frontier.onTexts(wake)]
    this.#writers.add(writer)
    let next = options.from
    let isHeartbeatDue = true
    let textsSeen = -1
    try {
      await writer.write(': the events of this frontier, as they come\n\n')
      while (!writer.isClosed && !stopping.aborted) {
        if (next < log.nodes) {
          const batch = await this.#readBatch(frontier, { ...options, from: next })
          await writer.writeAll(batch.bytes)
          next = batch.next
          continue
        }
        if (textsSeen !== frontier.textChanges) {
          const isPartial = textsSeen >= 0 || log.texts().here < log.nodes
          textsSeen = frontier.textChanges
          if (isPartial) await writer.write(textCounts(log))
        }
        if (isHeartbeatDue) await writer.write(heartbeat(log.name, await this.#lastCursor(log, next)))
        isHeartbeatDue = !(await writer.pause(streamHeartbeatMs))
      }
    } finally {
      for (const unsubscribe of unsubscribes) unsubscribe()
      this.#writers.delete(writer)
    }
  }

  /**
   * Returns matching events from `from` on as text of the stream, and where the next batch starts.
   */
  async #readBatch(
    frontier: Frontier,
    options: { from: number; filter: EventFilter; work: ClientWork },
  ): Promise<{ bytes: Uint8Array; next: number }> {
    const { log } = frontier
    const rows = await rowsFrom(frontier, options.from)
    const parts: Uint8Array[] = []
    for (const [i, { bytes }] of rows.entries()) {
      const turn = options.work.pause()
      if (turn !== undefined) await turn
      const row = { seq: options.from + i, bytes }
      const text = await matchingEvent(log, row, options.filter)
      if (text === undefined) continue
      const id = await this.#hub.cursors.cursorOf(log, row)
      parts.push(utf8(`event: event\nid: ${id}\ndata: `), text, END)
    }
    options.work.end()
    return { bytes: concat(parts), next: options.from + rows.length }
  }

  /** Returns the cursor of the last node before `next`. */
  async #lastCursor(log: FrontierStore, next: number): Promise<string | null> {
    if (next === 0) return null
    const [row] = await log.read([next - 1])
    return this.#hub.cursors.cursorOf(log, row!)
  }
}

/**
 * Returns rows from the recent ones in memory if they reach back to `from`, else from the store.
 */
async function rowsFrom({ log, recentRows }: Frontier, from: number): Promise<readonly Pick<NodeRow, 'bytes'>[]> {
  return recentRows.take(from, log.nodes, BATCH_BYTES) ?? rowsAt(log, { from, to: log.nodes, batchBytes: BATCH_BYTES })
}

/** Returns the event that says how many texts are in each state. */
function textCounts(log: FrontierStore): string {
  const { 'left-out': left_out, ...counts } = log.texts()
  return `event: texts\ndata: ${JSON.stringify({ vfr_id: log.name, ...counts, left_out })}\n\n`
}

/**
 * Returns a comment, which keeps proxies from closing the connection, and the event that readers of
 * Vela hubs expect.
 */
function heartbeat(frontier: string, cursor: string | null): string {
  const data = JSON.stringify({ vfr_id: frontier, cursor, status: 'idle' })
  return `: idle\nevent: heartbeat\ndata: ${data}\n\n`
}
