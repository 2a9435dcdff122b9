// Heads, blocks and conflicts by HTTP. Specification: protocol/http.md, H18 to H20.

import { type Digest, toHex } from '../../base/bytes.ts'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import { HTTP_LIMITS, WIRE_LIMITS } from '../../base/limits.ts'
import { cidText, parseCid } from '../../cbor/cid.ts'
import { printJson, printString } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import { readChunkList } from '../../node/document-chunks.ts'
import type { DocumentLink } from '../../node/schema.ts'
import type { ListedConflict } from '../../projection/conflict-list.ts'
import type { Frontier } from '../../replica/frontier.ts'
import type { HubContext } from '../hub-context.ts'
import { IMMUTABLE, jsonAnswer, type RouteResponse } from '../response.ts'
import { badRequest, type RequestContext, readLimit } from '../router.ts'

const { conflictsPageMax, snapshotNodesMax } = HTTP_LIMITS

/** The heads, in byte order of their digests; of very many, the first. */
export function heads(site: HubContext, { names }: RequestContext): RouteResponse {
  const { log } = site.home.frontier(names[0]!)
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
  return jsonAnswer(`${JSON.stringify(members)}\n`, { tag: digest })
}

/** The bytes of a node that is stored, or of a block of a document that one links, of whatever frontier. */
export async function block(site: HubContext, { names }: RequestContext): Promise<RouteResponse> {
  const { codec, digest } = parseCid(names[0]!)
  for (const frontier of site.home.frontiers.values()) {
    const bytes =
      (codec === 'raw' ? undefined : await nodeBytes(frontier, digest)) ??
      (await documentBytes(frontier, { codec, digest }))
    if (bytes !== undefined) return blockAnswer(names[0]!, codec, bytes)
  }
  throw new ReplicaError('ERR_NOT_FOUND', 'no frontier here has this block')
}

async function nodeBytes({ log }: Frontier, digest: Digest): Promise<Uint8Array | undefined> {
  const [place] = await log.locate([digest])
  return place === undefined ? undefined : (await log.read([place.seq]))[0]!.bytes
}

/** Any block is raw; as DAG-CBOR it has to be a list of chunks. */
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

function blockAnswer(cid: string, codec: 'dag-cbor' | 'raw', bytes: Uint8Array): RouteResponse {
  const type = codec === 'raw' ? 'application/octet-stream' : 'application/vnd.ipld.dag-cbor'
  const headers = {
    'content-type': type,
    'cache-control': IMMUTABLE,
    etag: `"${cid}"`,
    'x-content-type-options': 'nosniff', // documents are anybody's bytes
    'content-disposition': 'attachment',
  }
  return { status: 200, headers, body: bytes }
}

/** The conflicts of a frontier that are open or contested, a page at a time. @throws ReplicaError ERR_USAGE when it isn't clear of which frontier */
export async function conflicts(site: HubContext, { names, query }: RequestContext): Promise<RouteResponse> {
  const name = site.home.resolveName(names[0] ?? query.get('frontier'))
  const { log, view } = site.home.frontier(name)
  if (log.nodes > snapshotNodesMax && !view.isLoaded)
    throw new ReplicaError('ERR_HTTP_LIMIT', 'the frontier is too large to be replayed for a request')
  const limit = readLimit(query, { max: conflictsPageMax, usual: conflictsPageMax })
  const all = await view.listed()
  const after = query.get('after')
  const from = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1
  if (after !== undefined && from === 0) throw badRequest('after names no conflict that is open')
  const page = all.slice(from, from + limit)
  const next = from + page.length < all.length ? printString(page.at(-1)!.id) : 'null'
  const texts = page.map(conflictText).join(',')
  return jsonAnswer(`{"conflicts":[${texts}],"count":${page.length},"frontier":"${name}","next_cursor":${next}}`)
}

function conflictText({ events, values, ...conflict }: ListedConflict): string {
  const { id, finding_id, kind, field, state } = conflict
  const subject = { finding_id: finding_id ?? null, kind: kind ?? null, field: field ?? null }
  const members: Record<string, Json> = { id, ...subject, events: [...events], values: [...values], state }
  return printJson(new Map(Object.entries(members)))
}
