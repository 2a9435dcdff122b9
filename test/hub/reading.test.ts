// What a hub serves of its frontiers by HTTP: entries, events, snapshots, manifests, heads, blocks; tags, pages, methods.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { HTTP_LIMITS } from '../../src/base/limits.ts'
import { cidText, nodeDigest } from '../../src/cbor/cid.ts'
import { verify } from '../../src/crypto/ed25519.ts'
import { signManifestFile } from '../../src/vela/federation/peer-fetch.ts'
import {
  checkManifest,
  contentHashes,
  continueDiscovery,
  continuePeerFetch,
  type DiscoveryResult,
  eventLogHash,
  judgeContent,
  readEntry,
  readFrontier,
  readManifest,
  readRegistry,
  snapshotHash,
  startDiscovery,
  startPeerFetch,
  verifyEntry,
} from '../../src/vela/index.ts'
import { draft } from '../replica/drafts.ts'
import { type Json, type Served, serve, skipTime } from './site.ts'

const test = suite('hub/reading')

async function entryAndSnapshot(site: Served): Promise<{ entry: ReturnType<typeof readEntry>; body: Uint8Array }> {
  const entry = readEntry(await (await site.get(`/entries/${site.frontier}`)).text())
  const body = new Uint8Array(await (await site.get(`/entries/${site.frontier}/snapshot`)).arrayBuffer())
  return { entry, body }
}

function checkPair({ entry, body }: { entry: ReturnType<typeof readEntry>; body: Uint8Array }): void {
  assert.ok(verifyEntry(entry, verify))
  const file = readFrontier(body)
  assert.is(entry.latest_snapshot_hash, snapshotHash(file))
  assert.is(entry.latest_event_log_hash, eventLogHash(file.events, 'full'))
  assert.is(judgeContent(body, entry.vfr_id), 'good')
}

test('the entry that a hub serves is of the snapshot beside it, also after appends', async () => {
  await using site = await serve({ notes: 3 })
  for (let i = 0; i < 4; i += 1) {
    const pair = await entryAndSnapshot(site)
    checkPair(pair)
    assert.is(pair.entry.owner_pubkey, site.hub.replica.key.publicKey)
    assert.is(readFrontier(pair.body).events.length, 4 + i)
    await site.append(`later ${i}`)
    skipTime(HTTP_LIMITS.captureMsMax)
  }
})

test('of 40 reads of entry and snapshot 40 agree while events are appended, each half a lifetime apart', async () => {
  await using site = await serve({ notes: 1 })
  const events = new Set<number>()
  let reading = true
  const appending = (async () => {
    for (let i = 0; reading && i < 300; i += 1) {
      await site.append(`meanwhile ${i}`)
      await new Promise(resolve => setImmediate(resolve))
    }
  })()
  for (let i = 0; i < 40; i += 1) {
    const entry = readEntry(await (await site.get(`/entries/${site.frontier}`)).text())
    await site.append(`between ${i}`)
    skipTime(HTTP_LIMITS.captureMsMax / 2)
    const body = new Uint8Array(await (await site.get(`/entries/${site.frontier}/snapshot`)).arrayBuffer())
    checkPair({ entry, body })
    events.add(readFrontier(body).events.length)
  }
  reading = false
  await appending
  assert.ok(events.size > 10, `${events.size} states were served`)
})

test('every reader of an entry gets its snapshot within the lifetime of the pair, and later by the locator or not at all', async () => {
  await using site = await serve({ notes: 1 })
  const path = `/entries/${site.frontier}`
  const entry = readEntry(await (await site.get(path)).text())
  await site.append('in between')
  await fetch(`${site.base}${path}`, { method: 'HEAD' })
  await fetch(`${site.base}${path}/snapshot`, { method: 'HEAD' })
  for (const agent of ['ada', 'ben', 'eve']) {
    assert.equal(readEntry(await (await site.get(path, { 'user-agent': agent })).text()), entry)
    const answer = await site.get(`${path}/snapshot`, { 'user-agent': agent })
    const body = new Uint8Array(await answer.arrayBuffer())
    checkPair({ entry, body })
    const pinned = await fetch(entry.network_locator)
    assert.equal(new Uint8Array(await pinned.arrayBuffer()), body)
    assert.match(pinned.headers.get('cache-control')!, 'immutable')
  }
  skipTime(HTTP_LIMITS.captureMsMax / 2)
  await site.get(path)
  skipTime(HTTP_LIMITS.captureMsMax / 2)
  const next = await entryAndSnapshot(site)
  checkPair(next)
  assert.is(readFrontier(next.body).events.length, 3)
  assert.is((await fetch(entry.network_locator)).status, 200)
  skipTime(HTTP_LIMITS.captureMsMax + 1)
  assert.is((await fetch(entry.network_locator)).status, 404)
})

test('a signature is over the manifest that was read, and with its hash over exactly that one', async () => {
  await using site = await serve({ notes: 1 })
  const path = `/manifest/${site.frontier}`
  const manifest = await site.get(`${path}.json`)
  const bytes = new Uint8Array(await manifest.arrayBuffer())
  const hash = toHex(sha256(bytes))
  assert.is(manifest.headers.get('etag'), `"${hash}"`)
  await site.append('in between')
  const signature = await (await site.get(`${path}.sig`)).text()
  assert.is(signature, signManifestFile(site.frontier, bytes, site.hub.replica.key))
  skipTime(HTTP_LIMITS.captureMsMax / 2)
  await site.get(`${path}.sig`)
  skipTime(HTTP_LIMITS.captureMsMax / 2)
  const next = new Uint8Array(await (await site.get(`${path}.json`)).arrayBuffer())
  assert.is(readFrontier(next).events.length, 3)
  const pinned = await site.get(`${path}.sig?sha256=${hash}`)
  assert.equal([pinned.status, pinned.headers.get('etag')], [200, `"${hash}.sig"`])
  assert.is(await pinned.text(), signature)
  assert.is((await site.get(`${path}.sig?sha256=${'0'.repeat(64)}`)).status, 404)
  assert.is((await site.get(`${path}.sig?sha256=xyz`)).status, 400)
})

test('a snapshot under a hash that the frontier never had is not found', async () => {
  await using site = await serve({ notes: 1 })
  const answer = await site.get(`/entries/${site.frontier}/snapshot?sha256=${'0'.repeat(64)}`)
  assert.is(answer.status, 404)
  assert.is((await site.get(`/entries/${site.frontier}/snapshot?sha256=xyz`)).status, 400)
})

test('the list of entries is a registry of all frontiers, a page at a time', async () => {
  await using site = await serve({ notes: 1 })
  const second = await site.hub.replica.createFrontier({ name: 'Second' })
  const text = await (await site.get('/entries')).text()
  const { entries, refused } = readRegistry(text)
  assert.equal(refused, [])
  assert.equal(entries.map(entry => entry.vfr_id).sort(), [site.frontier, second.frontier].sort())
  const first = await site.json('/entries?limit=1')
  assert.is(first.entries.length, 1)
  const rest = await site.json(`/entries?limit=1&after=${first.next_cursor}`)
  assert.equal([first.entries[0].vfr_id, rest.entries[0].vfr_id], [site.frontier, second.frontier].sort())
  assert.is(rest.next_cursor, null)
})

test('a frontier without events has no entry, and one that is not kept is not found', async () => {
  await using site = await serve()
  await site.hub.replica.track('vfr_0000000000000000')
  for (const path of ['', '/snapshot']) {
    assert.is((await site.get(`/entries/vfr_0000000000000000${path}`)).status, 404)
    const unknown = await site.get(`/entries/vfr_1111111111111111${path}`)
    assert.is(unknown.status, 404)
    assert.is(unknown.headers.get('content-type'), 'application/problem+json')
    const problem = (await unknown.json()) as Json
    assert.is(problem.code, 'ERR_FRONTIER_UNKNOWN')
    assert.is(problem.error, problem.detail)
    assert.is(problem.status, 404)
  }
  assert.is((await site.json('/entries')).entries.length, 1)
})

test('pages of events go through the log in arrival order and end with null', async () => {
  await using site = await serve({ notes: 7 })
  const path = `/entries/${site.frontier}/events`
  const reasons: string[] = []
  let cursor: string | null = ''
  for (let pages = 0; cursor !== null; pages += 1) {
    assert.ok(pages < 4)
    const page = await site.json(`${path}?limit=3${cursor === '' ? '' : `&since=${cursor}`}`)
    assert.is(page.schema, 'vela.events-page.v0.1')
    assert.is(page.vfr_id, site.frontier)
    assert.is(page.count, page.events.length)
    assert.is(page.log_total, 8)
    reasons.push(...page.events.map((event: { reason: string }) => event.reason))
    if (page.next_cursor !== null) assert.is(page.next_cursor, page.events.at(-1).id)
    cursor = page.next_cursor
  }
  assert.equal(reasons, ['frontier compiled', ...Array.from({ length: 7 }, (_, i) => `note ${i}`)])
  const { events } = await site.json(path)
  const last = await site.json(`${path}?since=${events[6].id}`)
  assert.equal(
    last.events.map((event: { reason: string }) => event.reason),
    ['note 6'],
  )
  assert.is((await site.json(`${path}?kind=frontier.created`)).count, 1)
  assert.is((await site.json(`${path}?target=vf_04f7f6513eaa1b4d&kind=finding.noted`)).count, 7)
  assert.is((await site.json(`${path}?kind=finding.note`)).count, 0)
  assert.is((await site.json(`${path}?limit=99999`)).count, 8)
})

test('a page of events that is asked for by what is no event here, or no number, is refused', async () => {
  await using site = await serve({ notes: 1 })
  const path = `/entries/${site.frontier}/events`
  for (const query of [
    'since=vev_0000000000000000',
    'since=99',
    'since=0',
    'since=x',
    'since=-1',
    'limit=x',
    'limit=1&limit=2',
    'since=%zz',
  ]) {
    const answer = await site.get(`${path}?${query}`)
    assert.is(answer.status, 400, query)
    assert.is(((await answer.json()) as Json).code, 'ERR_HTTP_REQUEST', query)
  }
})

test('an event that two nodes carry is given once, and every cursor leads on', async () => {
  await using site = await serve({ notes: 2 })
  const other = await serve()
  await using _ = other
  const log: Uint8Array[] = []
  for await (const node of site.hub.replica.events(site.frontier)) log.push(node.event!.text)
  await other.hub.replica.import(site.frontier, () => log)
  await site.hub.replica
    .registry(site.frontier)
    .add({ id: 'hub:other', url: other.hub.url, publicKey: other.hub.replica.key.publicKey })
  await site.hub.replica.pull(site.frontier, 'hub:other')
  assert.is((await site.json(`/frontiers/${site.frontier}/heads`)).nodes, 6)
  const ids: string[] = []
  for (let cursor = ''; ; ) {
    const page = await site.json(`/entries/${site.frontier}/events?limit=1${cursor}`)
    ids.push(...page.events.map((event: { id: string }) => event.id))
    if (page.next_cursor === null) break
    cursor = `&since=${page.next_cursor}`
    assert.ok(ids.length < 10)
  }
  assert.is(ids.length, 3)
})

test('heads, blocks: what is served is what the CIDs say', async () => {
  await using site = await serve({ notes: 2 })
  const heads = await site.json(`/frontiers/${site.frontier}/heads`)
  assert.equal(heads.heads, site.hub.replica.heads(site.frontier))
  assert.is(heads.heads_digest, site.hub.replica.headsDigest(site.frontier))
  const [cid] = heads.heads
  const answer = await site.get(`/blocks/${cid}`)
  assert.is(answer.status, 200)
  assert.match(answer.headers.get('cache-control')!, 'immutable')
  const bytes = new Uint8Array(await answer.arrayBuffer())
  assert.is(toHex(sha256(bytes)), toHex(nodeDigest(cid)))
  assert.is((await site.get(`/blocks/${cid}`, { 'if-none-match': `"${cid}"` })).status, 304)
  const none = 'bafyreibbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbq'
  assert.is((await site.get(`/blocks/${none}`)).status, 404)
  assert.is((await site.get('/blocks/zzz')).status, 400)
})

test('blocks of documents are served under their CIDs, whole and in chunks', async () => {
  await using site = await serve()
  const documents = site.hub.replica.documents(site.frontier)
  for (const bytes of [utf8('a small document'), new Uint8Array(600_000).fill(7)]) {
    const link = await documents.put(bytes)
    await site.hub.replica.append(site.frontier, draft(`links ${bytes.length}`), { links: [link] })
    const answer = await site.get(`/blocks/${cidText(link.digest, link.codec)}`)
    assert.is(answer.status, 200)
    const block = new Uint8Array(await answer.arrayBuffer())
    assert.equal(sha256(block), link.digest)
    assert.is(answer.headers.get('x-content-type-options'), 'nosniff')
    const other = link.codec === 'raw' ? 'dag-cbor' : 'raw'
    assert.is((await site.get(`/blocks/${cidText(link.digest, other)}`)).status, other === 'raw' ? 200 : 404)
  }
})

test('conflicts of a frontier are listed, a page at a time', async () => {
  await using site = await serve()
  const { frontier, hub } = site
  const finding = {
    id: 'vf_04f7f6513eaa1b4d',
    assertion: { text: 'a claim', type: 'mechanism', entities: [] },
    confidence: { score: 0.5 },
    flags: {},
  }
  const target = { type: 'finding', id: finding.id }
  const actor = { id: 'reviewer:one' }
  const made = await hub.replica.append(frontier, {
    kind: 'finding.asserted',
    target,
    actor,
    reason: 'new',
    payload: { finding },
  })
  for (const status of ['accepted', 'rejected', 'needs_revision']) {
    const payload = { status, parents: [made.event] }
    await hub.replica.append(frontier, { kind: 'finding.reviewed', target, actor, reason: status, payload })
  }
  const all = await site.json(`/conflicts?frontier=${frontier}`)
  assert.is(all.frontier, frontier)
  assert.is(all.count, 3)
  assert.equal(all, await site.json('/conflicts'))
  const ids: string[] = []
  for (let after = ''; ; ) {
    const page = await site.json(`/frontiers/${frontier}/conflicts?limit=2${after}`)
    ids.push(...page.conflicts.map((conflict: { id: string }) => conflict.id))
    if (page.next_cursor === null) break
    after = `&after=${page.next_cursor}`
  }
  assert.equal(
    ids,
    all.conflicts.map((conflict: { id: string }) => conflict.id),
  )
  assert.is((await site.get('/conflicts?after=vcx_0000000000000000')).status, 400)
  await hub.replica.createFrontier({ name: 'Second' })
  assert.is((await site.get('/conflicts')).status, 400)
})

test('what has not changed is answered with 304, and what has is not', async () => {
  await using site = await serve({ notes: 2 })
  const paths = ['/entries', '', '/events', '/snapshot'].map(path =>
    path === '/entries' ? path : `/entries/${site.frontier}${path}`,
  )
  paths.push(`/manifest/${site.frontier}.json`, `/manifest/${site.frontier}.sig`, `/frontiers/${site.frontier}/heads`)
  const tags = new Map<string, string>()
  for (const path of paths) {
    const first = await site.get(path)
    assert.is(first.status, 200, path)
    const tag = first.headers.get('etag')!
    assert.match(tag, /^"[^"]+"$/, path)
    tags.set(path, tag)
    const again = await site.get(path, { 'if-none-match': `"x", W/${tag}` })
    assert.is(again.status, 304, path)
    assert.is(await again.text(), '')
  }
  await site.append('changed')
  skipTime(HTTP_LIMITS.captureMsMax)
  for (const [path, tag] of tags) assert.is((await site.get(path, { 'if-none-match': tag })).status, 200, path)
})

test('HEAD answers as GET does, without the body', async () => {
  await using site = await serve({ notes: 2 })
  for (const path of [
    '/healthz',
    '/entries',
    `/entries/${site.frontier}/snapshot`,
    `/entries/${site.frontier}/events/stream`,
  ]) {
    const answer = await fetch(site.base + path, { method: 'HEAD' })
    assert.is(answer.status, 200, path)
    assert.is(await answer.text(), '')
    if (path.endsWith('snapshot')) assert.ok(Number(answer.headers.get('content-length')) > 500)
  }
})

test('pages of other sites may read, and may not publish', async () => {
  await using site = await serve({ host: '0.0.0.0' })
  const read = await site.get('/entries', { origin: 'https://other.example' })
  assert.is(read.headers.get('access-control-allow-origin'), '*')
  const preflight = await fetch(`${site.base}/entries`, { method: 'OPTIONS' })
  assert.is(preflight.status, 204)
  assert.is(preflight.headers.get('access-control-allow-methods'), 'GET, HEAD')
  assert.is(preflight.headers.get('allow'), 'GET, HEAD, OPTIONS, POST')
  assert.is(preflight.headers.get('content-length'), null)
  const closed = await fetch(`${site.base}/entries/${site.frontier}/deprecate`, { method: 'OPTIONS' })
  assert.equal([closed.status, closed.headers.get('allow')], [204, 'OPTIONS, POST'])
  assert.is(closed.headers.get('access-control-allow-origin'), null)
  const post = await site.post('/entries', '{}')
  assert.is(post.headers.get('access-control-allow-origin'), null)
  assert.is((await site.post('/entries', '{}', { 'content-type': 'text/plain' })).status, 400)
})

test('the manifest of a hub is signed by its key', async () => {
  await using site = await serve()
  const answer = readManifest(await (await site.get('/.well-known/vela')).text())
  checkManifest(answer, { key: site.hub.replica.key.publicKey, verify })
  assert.is(answer.manifest.get('protocol_version'), '0.48')
  assert.is(answer.manifest.get('site'), site.base)
  assert.is(answer.manifest.get('canonical_json_v1'), answer.manifest.get('canonical_json'))
  const endpoints = answer.manifest.get('endpoints') as Map<string, string>
  for (const name of ['frontier_inbox', 'events_stream', 'snapshot', 'maintainers', 'status']) {
    const path = endpoints.get(name)!.slice(site.base.length).replace('{vfr_id}', site.frontier)
    const head = await fetch(site.base + path, { method: 'HEAD' })
    assert.is(head.status, 200, name)
  }
})

test('discovery resolves the frontier, and a fetch by the peer’s manifest verifies its signature', async () => {
  await using site = await serve({ notes: 3 })
  const policy = { allowPlain: true, allowPrivate: true }
  const fetched = async (url: string) => {
    const answer = await fetch(url)
    await site.append('while it is fetched')
    return { status: answer.status, body: new Uint8Array(await answer.arrayBuffer()) }
  }
  let step = startDiscovery({
    hub: site.base,
    frontier: site.frontier,
    ownerKey: site.hub.replica.key.publicKey,
    verify,
    policy,
    snapshotHashes: (body: Uint8Array) => contentHashes(body).snapshots,
    eventLogHashes: (body: Uint8Array) => contentHashes(body).logs,
  })
  while ('fetch' in step) step = continueDiscovery(step.state, await fetched(step.fetch.url))
  assert.is((step.result as DiscoveryResult).kind, 'Resolved', JSON.stringify(step.result))
  let peer = startPeerFetch({
    base: site.base,
    frontier: site.frontier,
    peerKey: site.hub.replica.key.publicKey,
    verify,
    policy,
  })
  while ('fetch' in peer) peer = continuePeerFetch(peer.state, await fetched(peer.fetch.url))
  assert.is(peer.result.kind, 'Fetched', JSON.stringify(peer.result).slice(0, 300))
})

test('a hub that shows frontiers to registered keys shows none by HTTP', async () => {
  await using site = await serve({ read: 'registered', notes: 2 })
  const cid = site.hub.replica.heads(site.frontier)[0]!
  const paths = ['/entries', `/blocks/${cid}`, `/frontiers/${site.frontier}/heads`, `/manifest/${site.frontier}.json`]
  for (const path of [
    ...paths,
    ...['', '/events', '/events/stream', '/snapshot'].map(end => `/entries/${site.frontier}${end}`),
  ]) {
    const answer = await site.get(path)
    assert.is(answer.status, 403, path)
    assert.is(((await answer.json()) as Json).code, 'ERR_SYNC_FORBIDDEN')
  }
  assert.is((await site.post('/entries', '{}')).status, 403)
  for (const path of ['/healthz', '/readyz', '/metrics', '/.well-known/vela']) {
    const answer = await site.get(path)
    assert.is(answer.status, 200, path)
    assert.not.match(await answer.text(), site.frontier, path)
  }
})

test('health, readiness and metrics tell what there is', async () => {
  await using site = await serve({ notes: 2, residentBytes: () => 123 })
  assert.equal(await site.json('/healthz'), { ok: true, hub_id: 'hub:main', sessions: 0 })
  assert.equal(await site.json('/readyz'), { ok: true, readable: true, writable: true, frontiers: 1 })
  const text = await (await site.get('/metrics')).text()
  assert.match(text, `replica_frontier_nodes{frontier="${site.frontier}"} 3\n`)
  assert.match(text, 'replica_resident_bytes 123\n')
  assert.match(text, /replica_http_answers_total\{status="2xx"\} 2\n/)
  assert.match(text, /replica_event_loop_delay_seconds\{quantile="0.99"\} [\d.e-]+\n/)
  for (const line of text.trimEnd().split('\n'))
    assert.match(line, /^(?:# (?:HELP|TYPE) replica_\w+ .+|replica_\w+(?:\{.+\})? [\d.e+-]+)$/)
})

test.run()
