// Events by HTTP, a page at a time. A page ends at its limit, at so many bytes, or when so many nodes have been looked at: the
// cursor goes on from there, also from a page on which nothing matched. Specification: protocol/http.md, H16.

import { concat, utf8 } from '../../base/bytes.ts'
import { HTTP_LIMITS } from '../../base/limits.ts'
import { printString } from '../../json/json.ts'
import type { FrontierStore, NodeRow } from '../../store/store.ts'
import { cursorOf, type EventFilter, eventOf, placeBehind, readFilter } from '../event-cursor.ts'
import type { HubContext } from '../hub-context.ts'
import { jsonAnswer, type RouteResponse } from '../response.ts'
import { type RequestContext, readLimit } from '../router.ts'

const { eventsPageMax, eventsPageDefault, eventsPageBytes, eventsScannedMax } = HTTP_LIMITS
const SCHEMA = 'vela.events-page.v0.1'

interface Page {
  readonly texts: Uint8Array[]
  /** Where the page ends; undefined at the end of the log. */
  readonly last: NodeRow | undefined
}

export async function eventsPage(site: HubContext, { names, query }: RequestContext): Promise<RouteResponse> {
  const { log } = site.home.frontier(names[0]!)
  const limit = readLimit(query, { max: eventsPageMax, usual: eventsPageDefault })
  const from = await placeBehind(log, query.get('since'))
  const { texts, last } = await readPage(log, { from, limit, filter: readFilter(query) })
  const cursor = last === undefined ? 'null' : printString(await cursorOf(log, last))
  const comma = utf8(',')
  const events = concat(texts.flatMap((text, i) => (i === 0 ? [text] : [comma, text])))
  const tail = `"log_total":${log.events},"next_cursor":${cursor},"schema":"${SCHEMA}","vfr_id":${printString(log.name)}}`
  return jsonAnswer(`{"count":${texts.length},"events":[${Buffer.from(events).toString('utf8')}],${tail}`)
}

async function readPage(
  log: FrontierStore,
  asked: { from: number; limit: number; filter: EventFilter },
): Promise<Page> {
  const to = log.nodes
  const texts: Uint8Array[] = []
  let bytes = 0
  for await (const rows of log.scan({ from: asked.from, to, batchBytes: eventsPageBytes / 4 })) {
    for (const row of rows) {
      const text = await eventOf(log, row, asked.filter)
      if (text !== undefined) {
        texts.push(text)
        bytes += text.length
      }
      const scanned = row.seq - asked.from + 1
      const full = texts.length >= asked.limit || bytes >= eventsPageBytes || scanned >= eventsScannedMax
      if (full) return { texts, last: row.seq + 1 < to ? row : undefined }
    }
  }
  return { texts, last: undefined }
}
