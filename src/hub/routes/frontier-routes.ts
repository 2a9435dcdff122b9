// Serves heads, blocks and conflicts of frontiers. Spec: protocol/http.md, H18 to H20.

import { type Digest, toHex } from '../../base/bytes.ts'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import { HTTP_LIMITS, WIRE_LIMITS } from '../../base/limits.ts'
import { cidText, parseCid } from '../../cbor/cid.ts'
import { printJson, printString } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import { readChunkList } from '../../node/document-chunks.ts'
import type { DocumentLink } from '../../node/schema.ts'
import type { ListedConflict } from '../../projection/conflict-list.ts'
import { FrontierProjection } from '../../projection/frontier-projection.ts'
import type { Frontier } from '../../replica/frontier.ts'
import type { HubContext } from '../hub-context.ts'
import { IMMUTABLE, jsonResponse, type RouteResponse } from '../response.ts'
import { badRequest, type RequestContext, readLimit } from '../router.ts'

const { conflictsPageMax, snapshotNodesMax } = HTTP_LIMITS

/** Returns the heads in byte order of their digests, at most `headsSentMax` of them. */
export function heads(hub: HubContext, { params }: RequestContext): RouteResponse {
  const { log } = hub.context.frontier(params[0]!)
  const all = log.heads()
  const digest = toHex(log.headsDigest())
  const members = {
    frontier: log.name,
    heads: all.slice(0, WIRE_LIMITS.headsSentMax).map(head => cidText(head)),
    head_count: all.length,
    heads_digest: digest,
    nodes: log.nodes,
    events: log.events,
  }
  return jsonResponse(`${JSON.stringify(members)}\n`, { tag: digest })
}

/**
 * Returns the header of a stored node, or the bytes of a block of a linked document, of any
 * frontier.
 */
export async function block(hub: HubContext, { params }: RequestContext): Promise<RouteResponse> {
  const { codec, digest } = parseCid(params[0]!)
  for (const frontier of hub.context.frontiers.values()) {
    const bytes =
      (codec === 'raw' ? undefined : await nodeBytes(frontier, digest)) ??
      (await documentBytes(frontier, { codec, digest }))
    if (bytes !== undefined) return blockResponse(params[0]!, codec, bytes)
  }
  throw new ReplicaError('ERR_NOT_FOUND', 'no frontier of this hub has this block')
}

async function nodeBytes({ log }: Frontier, digest: Digest): Promise<Uint8Array | undefined> {
  const [location] = await log.locate([digest])
  if (location === undefined) return undefined
  const row = (await log.read([location.seq]))[0]!
  return row.bytes.subarray(0, row.headerBytes)
}

/** Under a raw CID any document block is returned, under a DAG-CBOR CID only a list of chunks. */
async function documentBytes({ log }: Frontier, { codec, digest }: DocumentLink): Promise<Uint8Array | undefined> {
  const bytes = await log.documents.get(digest)
  return bytes === undefined || (codec === 'dag-cbor' && !isChunkList(bytes)) ? undefined : bytes
}

function isChunkList(bytes: Uint8Array): boolean {
  try {
    readChunkList(bytes)
    return true
  } catch (error) {
    if (!hasCode(error)) throw error
    return false
  }
}

function blockResponse(cid: string, codec: 'dag-cbor' | 'raw', bytes: Uint8Array): RouteResponse {
  const type = codec === 'raw' ? 'application/octet-stream' : 'application/vnd.ipld.dag-cbor'
  const headers = {
    'content-type': type,
    'cache-control': IMMUTABLE,
    etag: `"${cid}"`,
    'x-content-type-options': 'nosniff', // documents are untrusted bytes
    'content-disposition': 'attachment',
  }
  return { status: 200, headers, body: bytes }
}

/**
 * Returns a page of the open and contested conflicts of a frontier.
 * @throws ReplicaError ERR_USAGE if the request names no frontier and the hub has several
 */
export async function conflicts(hub: HubContext, { params, query }: RequestContext): Promise<RouteResponse> {
  const name = hub.context.resolveName(params[0] ?? query.get('frontier'))
  const { log } = hub.context.frontier(name)
  const projection = FrontierProjection.of(hub.context, name)
  if (log.nodes > snapshotNodesMax && !projection.isLoaded)
    throw new ReplicaError('ERR_HTTP_LIMIT', 'the frontier is too large to replay for a request')
  const limit = readLimit(query, { max: conflictsPageMax, usual: conflictsPageMax })
  const all = await projection.listed()
  const after = query.get('after')
  const from = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1
  if (after !== undefined && from === 0) throw badRequest('after does not name an open conflict')
  const page = all.slice(from, from + limit)
  const next = from + page.length < all.length ? printString(page.at(-1)!.id) : 'null'
  const texts = page.map(conflictText).join(',')
  const { withheld } = projection
  const rest = withheld === 0 ? '' : `,"withheld":${withheld}`
  return jsonResponse(
    `{"conflicts":[${texts}],"count":${page.length},"frontier":"${name}","next_cursor":${next}${rest}}`,
  )
}

function conflictText({ events, values, ...conflict }: ListedConflict): string {
  const { id, findingId, kind, field, state } = conflict
  const subject = { finding_id: findingId ?? null, kind: kind ?? null, field: field ?? null }
  const members: Record<string, Json> = { id, ...subject, events: [...events], values: [...values], state }
  return printJson(new Map(Object.entries(members)))
}
