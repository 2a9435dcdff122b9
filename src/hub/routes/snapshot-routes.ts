// Whole frontiers by HTTP: the snapshot beside an entry, and the same bytes at their documented place with this hub's
// signature beside them. Specification: protocol/http.md, H10 to H12.

import { ReplicaError } from '../../base/errors.ts'
import type { Frontier } from '../../replica/frontier.ts'
import { signManifestFile } from '../../vela/federation/peer-fetch.ts'
import type { Promised } from '../handed.ts'
import type { HubContext } from '../hub-context.ts'
import { IMMUTABLE, NO_CACHE, type RouteResponse } from '../response.ts'
import { badRequest, type RequestContext } from '../router.ts'
import type { Snapshot } from '../snapshot-cache.ts'

const fileTag = (hash: string): string => `"${hash}"`
const signatureTag = (hash: string): string => `"${hash}.sig"`

/** What this reader was told of by an entry, else what the entry is of that stands; with `sha256` exactly that one. */
export async function snapshot(site: HubContext, asked: RequestContext): Promise<RouteResponse> {
  const frontier = site.home.frontier(asked.names[0]!)
  const { name } = frontier.log
  const hash = asked.query.get('sha256')
  if (hash === undefined) {
    const promised = site.told.entries.of(name, asked, fileTag)
    const capture = (await kept(site, frontier, promised)) ?? (await besideEntry(site, frontier))
    return fileAnswer(capture, NO_CACHE)
  }
  if (!/^[0-9a-f]{64}$/.test(hash)) throw badRequest('sha256 is not 64 lower-case hex digits')
  const found = site.captures.find(name, hash)
  if (found !== undefined) return fileAnswer(found, IMMUTABLE)
  const present = await site.captures.current(frontier)
  if (present.fileHash === hash) return fileAnswer(present, IMMUTABLE)
  throw new ReplicaError('ERR_NOT_FOUND', 'the frontier has gone on since it had this hash')
}

/** What was promised, from what is kept or made again; undefined when the registry makes another file of it by now. */
async function kept(
  { captures }: HubContext,
  frontier: Frontier,
  promised: Promised | undefined,
): Promise<Snapshot | undefined> {
  if (promised === undefined) return undefined
  const found = captures.find(frontier.log.name, promised.hash)
  if (found !== undefined) return found
  const capture = await captures.former(frontier, promised.nodes)
  return capture.fileHash === promised.hash ? capture : undefined
}

/** The content of the entry that is served; where there is none, what is held. */
async function besideEntry({ standing, captures }: HubContext, frontier: Frontier): Promise<Snapshot> {
  const found = await standing.of(frontier)
  return found === undefined || 'fault' in found ? captures.current(frontier) : found.capture
}

/** The frontier file at its documented place. */
export async function manifestFile(site: HubContext, asked: RequestContext): Promise<RouteResponse> {
  const capture = await site.captures.current(site.home.frontier(asked.names[0]!))
  site.told.files.tell(capture, asked)
  return fileAnswer(capture, NO_CACHE)
}

/** This hub's signature over the frontier file that this reader was told of, or that it would be told of now. */
export async function manifestSignature(site: HubContext, asked: RequestContext): Promise<RouteResponse> {
  const frontier = site.home.frontier(asked.names[0]!)
  const { name } = frontier.log
  const promised = site.told.files.of(name, asked, signatureTag)
  const capture = (await kept(site, frontier, promised)) ?? (await site.captures.current(frontier))
  const body = signManifestFile(name, capture.text, site.home.key)
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': NO_CACHE }
  return { status: 200, headers: { ...headers, etag: signatureTag(capture.fileHash) }, body }
}

function fileAnswer({ text, fileHash }: Snapshot, cache: string): RouteResponse {
  const headers = { 'content-type': 'application/json', 'cache-control': cache, etag: fileTag(fileHash) }
  return { status: 200, headers, body: text }
}
