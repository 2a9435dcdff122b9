// Serves whole frontiers: the snapshot beside an entry, and the same file at its documented
// location with a signature of this hub. Without `sha256` both come from the current pair; with it
// they are of exactly that file or not found.
// Spec: protocol/http.md, H10 to H12.

import type { Frontier } from '../../replica/frontier.ts'
import { signManifestFile } from '../../vela/federation/peer-fetch.ts'
import type { HubContext } from '../hub-context.ts'
import { IMMUTABLE, NO_CACHE, type RouteResponse } from '../response.ts'
import { badRequest, type RequestContext } from '../router.ts'
import type { Snapshot } from '../snapshot-cache.ts'

/** Returns the snapshot of the served entry; with `sha256`, exactly that file. */
export async function snapshot(hub: HubContext, { params, query }: RequestContext): Promise<RouteResponse> {
  const frontier = hub.context.frontier(params[0]!)
  const hash = readHash(query)
  if (hash === undefined) return fileResponse(await besideEntry(hub, frontier), NO_CACHE)
  return fileResponse(await hub.snapshots.byHash(frontier, hash), IMMUTABLE)
}

/** Returns the content of the served entry, or the current content where no entry is served. */
async function besideEntry({ served, snapshots }: HubContext, frontier: Frontier): Promise<Snapshot> {
  const found = await served.find(frontier, 'second')
  return found === undefined || 'fault' in found ? snapshots.current(frontier) : found.snapshot
}

/** Returns the frontier file at its documented location. */
export async function manifestFile(hub: HubContext, { params }: RequestContext): Promise<RouteResponse> {
  return fileResponse(await hub.snapshots.pair(hub.context.frontier(params[0]!), 'first'), NO_CACHE)
}

/** Returns this hub's signature over the manifest file; with `sha256`, over exactly that file. */
export async function manifestSignature(hub: HubContext, { params, query }: RequestContext): Promise<RouteResponse> {
  const { context, snapshots } = hub
  const frontier = context.frontier(params[0]!)
  const hash = readHash(query)
  const { text, fileHash } = await (hash === undefined
    ? snapshots.pair(frontier, 'second')
    : snapshots.byHash(frontier, hash))
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': NO_CACHE, etag: `"${fileHash}.sig"` }
  return { status: 200, headers, body: signManifestFile(frontier.log.name, text, context.key) }
}

/** @throws ReplicaError ERR_HTTP_REQUEST */
function readHash(query: RequestContext['query']): string | undefined {
  const hash = query.get('sha256')
  if (hash !== undefined && !/^[0-9a-f]{64}$/.test(hash)) throw badRequest('sha256 is not 64 lower-case hex digits')
  return hash
}

function fileResponse({ text, fileHash }: Snapshot, cacheControl: string): RouteResponse {
  const headers = { 'content-type': 'application/json', 'cache-control': cacheControl, etag: `"${fileHash}"` }
  return { status: 200, headers, body: text }
}
