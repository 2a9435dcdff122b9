// Serves pages of events. A page ends at its limit, at `eventsPageBytes`, or after
// `eventsScannedMax` nodes; the next cursor continues there, even after a page without a match.
// Spec: protocol/http.md, H16.

import { concat, utf8 } from '../../base/bytes.ts'
import { HTTP_LIMITS } from '../../base/limits.ts'
import { printString } from '../../json/json.ts'
import type { FrontierStore, NodeRow } from '../../store/store.ts'
import type { ClientWork } from '../clients/stranger-work.ts'
import { type EventFilter, matchingEvent, readFilter, seqAfter } from '../event-cursor.ts'
import type { HubContext } from '../hub-context.ts'
import { jsonResponse, type RouteResponse } from '../response.ts'
import { type RequestContext, readLimit } from '../router.ts'

const { eventsPageMax, eventsPageDefault, eventsPageBytes, eventsScannedMax } = HTTP_LIMITS
const SCHEMA = 'vela.events-page.v0.1'

interface Page {
  readonly texts: Uint8Array[]
  /** The row where the page ends; undefined at the end of the log. */
  readonly last: NodeRow | undefined
}

/** Returns a page of events after `since` that match the filter. */
export async function eventsPage(hub: HubContext, { params, query, work }: RequestContext): Promise<RouteResponse> {
  const { log } = hub.context.frontier(params[0]!)
  const limit = readLimit(query, { max: eventsPageMax, usual: eventsPageDefault })
  const from = await seqAfter(log, query.get('since'))
  const { texts, last } = await readPage(log, { from, limit, filter: readFilter(query), work })
  const cursor = last === undefined ? 'null' : printString(await hub.cursors.cursorOf(log, last))
  const comma = utf8(',')
  const events = concat(texts.flatMap((text, i) => (i === 0 ? [text] : [comma, text])))
  const tail = `"log_total":${log.events},"next_cursor":${cursor},"schema":"${SCHEMA}","vfr_id":${printString(log.name)}}`
  return jsonResponse(`{"count":${texts.length},"events":[${Buffer.from(events).toString('utf8')}],${tail}`)
}

async function readPage(
  log: FrontierStore,
  options: { from: number; limit: number; filter: EventFilter; work: ClientWork },
): Promise<Page> {
  const to = log.nodes
  const texts: Uint8Array[] = []
  let bytes = 0
  const { work } = options
  for await (const rows of log.scan({ from: options.from, to, batchBytes: eventsPageBytes / 16 })) {
    for (const row of rows) {
      const turn = work.pause()
      if (turn !== undefined) await turn
      const text = await matchingEvent(log, row, options.filter)
      if (text !== undefined) {
        texts.push(text)
        bytes += text.length
      }
      const scanned = row.seq - options.from + 1
      const full = texts.length >= options.limit || bytes >= eventsPageBytes || scanned >= eventsScannedMax
      if (!full) continue
      work.end()
      return { texts, last: row.seq + 1 < to ? row : undefined }
    }
    work.end()
  }
  return { texts, last: undefined }
}
