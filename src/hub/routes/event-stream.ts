// Events as they become durable, as server-sent events. A stream reads the log at its reader's pace, a batch at a time: a
// reader that stops costs one batch and a socket's buffer and is let go after a while; it goes on from the id it saw last.
// Specification: protocol/http.md, H17.

import { concat, utf8 } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import { HTTP_LIMITS } from '../../base/limits.ts'
import type { Frontier } from '../../replica/frontier.ts'
import { rowsAt } from '../../replica/nodes.ts'
import type { FrontierStore, NodeRow } from '../../store/store.ts'
import { ConcurrencyLimit } from '../concurrency-limit.ts'
import { cursorOf, type EventFilter, eventOf, placeBehind, readFilter } from '../event-cursor.ts'
import type { HubContext } from '../hub-context.ts'
import type { ResponseWriter, RouteResponse } from '../response.ts'
import type { RequestContext } from '../router.ts'

const { streamsMax, streamsPerAddressMax, streamHeartbeatMs } = HTTP_LIMITS
const BATCH_BYTES = 64 * 1024
const END = utf8('\n\n')

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no', // some proxies would keep events back
}

export class EventStreams {
  readonly #site: HubContext
  readonly #outlets = new Set<ResponseWriter>()
  readonly #places = new ConcurrencyLimit({ most: streamsMax, ofAddress: streamsPerAddressMax })

  constructor(site: HubContext) {
    this.#site = site
    site.stopping.addEventListener('abort', () => {
      for (const outlet of this.#outlets) outlet.wake()
    })
  }

  /** @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_HTTP_REQUEST for a cursor that names nothing here, ERR_HTTP_BUSY */
  async stream({ names, query, request, address }: RequestContext): Promise<RouteResponse> {
    const frontier = this.#site.home.frontier(names[0]!)
    const seen = request.headers['last-event-id']
    const from = await placeBehind(frontier.log, typeof seen === 'string' && seen !== '' ? seen : query.get('since'))
    const filter = readFilter(query)
    const leave = this.#places.acquire(address)
    if (leave === undefined) throw new ReplicaError('ERR_HTTP_BUSY', 'too many streams are open')
    const body = async (outlet: ResponseWriter): Promise<void> => {
      try {
        await this.#run(frontier, { from, filter }, outlet)
      } finally {
        leave()
      }
    }
    // HEAD takes no place: its body never runs.
    if (request.method === 'HEAD') leave()
    return { status: 200, headers: HEADERS, body, isStream: true }
  }

  get open(): number {
    return this.#places.taken
  }

  async #run(frontier: Frontier, asked: { from: number; filter: EventFilter }, outlet: ResponseWriter): Promise<void> {
    const { log } = frontier
    const { stopping } = this.#site
    const wake = (): void => outlet.wake()
    const ends = [frontier.tail.join(), frontier.subscribe(wake)]
    this.#outlets.add(outlet)
    let next = asked.from
    let due = true
    try {
      await outlet.write(': the events of this frontier, as they come\n\n')
      while (!outlet.gone && !stopping.aborted) {
        if (next < log.nodes) {
          next = await sendBatch(frontier, { from: next, filter: asked.filter }, outlet)
          continue
        }
        if (due) await outlet.write(idle(log.name, await lastCursor(log, next)))
        due = !(await outlet.pause(streamHeartbeatMs))
      }
    } finally {
      for (const end of ends) end()
      this.#outlets.delete(outlet)
    }
  }
}

/** Sends a batch of what is there, and answers where the next one begins. */
async function sendBatch(
  frontier: Frontier,
  asked: { from: number; filter: EventFilter },
  outlet: ResponseWriter,
): Promise<number> {
  const rows = await rowsFrom(frontier, asked.from)
  const parts: Uint8Array[] = []
  for (const [i, { bytes }] of rows.entries()) {
    const seq = asked.from + i
    const text = await eventOf(frontier.log, { seq, bytes }, asked.filter)
    if (text === undefined) continue
    const id = await cursorOf(frontier.log, { seq, bytes })
    parts.push(utf8(`event: event\nid: ${id}\ndata: `), text, END)
  }
  if (parts.length > 0) await outlet.writeAll(concat(parts))
  return asked.from + rows.length
}

/** Rows from the tail that is kept in mind where it reaches, else from the store. */
async function rowsFrom({ log, tail }: Frontier, from: number): Promise<readonly Pick<NodeRow, 'bytes'>[]> {
  return tail.take(from, log.nodes, BATCH_BYTES) ?? rowsAt(log, { from, to: log.nodes, batchBytes: BATCH_BYTES })
}

/** The cursor of the last node before `next`. */
async function lastCursor(log: FrontierStore, next: number): Promise<string | null> {
  if (next === 0) return null
  const [row] = await log.read([next - 1])
  return cursorOf(log, row!)
}

/** Says that nothing is owed: a comment that keeps proxies awake, and the event that readers of Vela hubs know. */
function idle(frontier: string, cursor: string | null): string {
  const data = JSON.stringify({ vfr_id: frontier, cursor, status: 'idle' })
  return `: idle\nevent: heartbeat\ndata: ${data}\n\n`
}
