// Publishing entries to a hub: who may, what is checked before anything changes, and what is served afterwards.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/base/bytes.ts'
import { HTTP_LIMITS } from '../../src/base/limits.ts'
import { verify } from '../../src/crypto/ed25519.ts'
import { Key } from '../../src/crypto/key.ts'
import { splitPublication } from '../../src/hub/publication-body.ts'
import { exportFrontier } from '../../src/projection/files/snapshot.ts'
import { Replica } from '../../src/replica/replica.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import {
  type EntryDraft,
  eventLogHash,
  printEntry,
  type RegistryEntry,
  readEntry,
  signEntry,
  snapshotHash,
  verifyEntry,
} from '../../src/vela/index.ts'
import { draft } from '../replica/drafts.ts'
import { scratch } from '../shared-data.ts'
import { keptOpen } from '../store/kept-open.ts'
import { type Json, type Served, serve } from './site.ts'

const test = suite('hub/publishing')

interface Scene extends AsyncDisposable {
  readonly site: Served
  readonly owner: Replica
  readonly frontier: string
}

/** A hub that holds a frontier which somebody else made and pushed. */
async function scene(): Promise<Scene> {
  const site = await serve()
  const owner = await Replica.open({ location: new MemoryStore(), hubId: 'hub:owner' })
  const { frontier } = await owner.createFrontier({ name: 'Owned elsewhere' })
  await mirror(site, owner, frontier)
  await owner.push(frontier, 'hub:main')
  return {
    site,
    owner,
    frontier,
    async [Symbol.asyncDispose]() {
      await owner.close()
      await site.hub.close()
    },
  }
}

/** The hub admits what the owner makes of its frontier. */
async function mirror(site: Served, owner: Replica, frontier: string): Promise<void> {
  await site.hub.replica.track(frontier)
  await site.hub.replica
    .registry(frontier)
    .add({ id: 'hub:owner', url: 'wss://owner.example', publicKey: owner.key.publicKey })
  await owner.registry(frontier).add({ id: 'hub:main', url: site.hub.url, publicKey: site.hub.replica.key.publicKey })
}

async function entryText(site: Served, frontier: string): Promise<string> {
  return (await site.get(`/entries/${frontier}`)).text()
}

async function snapshotText(site: Served, frontier: string): Promise<string> {
  return (await site.get(`/entries/${frontier}/snapshot`)).text()
}

async function wholeText(owner: Replica, frontier: string): Promise<string> {
  return Buffer.from((await exportFrontier(owner, frontier)).text).toString('utf8')
}

async function entryOf(
  owner: Replica,
  frontier: string,
  changes: Partial<EntryDraft> = {},
  key = owner.key,
): Promise<RegistryEntry> {
  const { file } = await exportFrontier(owner, frontier)
  const draftOfEntry = {
    vfr_id: frontier,
    name: 'Owned elsewhere',
    owner_actor_id: 'reviewer:owner',
    latest_snapshot_hash: snapshotHash(file),
    latest_event_log_hash: eventLogHash(file.events, 'full'),
    network_locator: `https://hub.example/entries/${frontier}/snapshot`,
    signed_publish_at: '2026-06-01T00:00:00Z',
    ...changes,
  }
  return signEntry(draftOfEntry, key)
}

async function post(site: Served, body: string): Promise<{ status: number; body: Json }> {
  const answer = await site.post('/entries', body)
  return { status: answer.status, body: (await answer.json()) as Json }
}

test('a frontier that somebody else made has no entry until its owner publishes one', async () => {
  await using all = await scene()
  const { site, owner, frontier } = all
  assert.is((await site.get(`/entries/${frontier}`)).status, 404)
  const entry = await entryOf(owner, frontier)
  const { status, body } = await post(site, printEntry(entry))
  assert.is(status, 201)
  assert.equal(body, {
    ok: true,
    duplicate: false,
    vfr_id: frontier,
    signed_publish_at: entry.signed_publish_at,
    snapshot_inserted: false,
    blob_url: null,
    event_first_promoted: true,
    event_first_error: null,
  })
  const served = await site.get(`/entries/${frontier}`)
  assert.is(served.status, 200)
  assert.is(await served.text(), printEntry(entry))
  const again = await post(site, printEntry(entry))
  assert.equal([again.status, again.body.duplicate], [200, true])
  assert.equal((await site.json('/entries')).entries.length, 2)
})

test('an entry comes with its frontier, as Vela’s client sends it, and is refused when that has other hashes', async () => {
  await using all = await scene()
  const { site, owner, frontier } = all
  const { text } = await exportFrontier(owner, frontier)
  const substrate = Buffer.from(text).toString('utf8')
  const entry = printEntry(await entryOf(owner, frontier))
  const withIt = (content: string): string => `${entry.slice(0, -1)},"substrate":${content}}`
  for (const content of ['{}', '[]', 'null', '1', '{"a":', substrate.replace('Owned', 'Other')]) {
    const { status, body } = await post(site, withIt(content))
    assert.is(status, 400, content.slice(0, 20))
    assert.match(body.code, /^ERR_(?:JSON|ENTRY|FRONTIER)$/)
    assert.is((await site.get(`/entries/${frontier}`)).status, 404)
  }
  assert.is((await post(site, withIt(substrate))).status, 201)
  assert.not.ok('substrate' in (await site.json(`/entries/${frontier}`)))
})

test('strangers change nothing: not a live frontier, not one without an entry, not one that is unknown', async () => {
  await using all = await scene()
  const { site, owner, frontier } = all
  const stranger = Key.generate()
  const foreign = printEntry(await entryOf(owner, frontier, {}, stranger))
  const refused = async (text: string, status: number, code: string): Promise<void> => {
    const answer = await post(site, text)
    assert.equal([answer.status, answer.body.code], [status, code])
  }
  await refused(foreign, 403, 'ERR_ENTRY_OWNER')
  assert.is((await site.get(`/entries/${frontier}`)).status, 404)
  const own = printEntry(await entryOf(owner, frontier))
  await post(site, own)
  await refused(foreign, 403, 'ERR_ENTRY_OWNER')
  await refused(own.replace('Owned', 'Stolen'), 400, 'ERR_ENTRY_SIGNATURE')
  await refused(
    printEntry(await entryOf(owner, frontier, { vfr_id: 'vfr_1111111111111111' })),
    404,
    'ERR_FRONTIER_UNKNOWN',
  )
  const hubs = await entryOf(owner, frontier, { vfr_id: site.frontier }, stranger)
  await refused(printEntry(hubs), 403, 'ERR_ENTRY_OWNER')
  assert.is((await site.get(`/entries/${site.frontier}`)).status, 200)
  assert.is(await (await site.get(`/entries/${frontier}`)).text(), own)
})

test('an older entry is refused, also where its text is greater, and one from the future too', async () => {
  await using all = await scene()
  const { site, owner, frontier } = all
  const at = async (signed_publish_at: string): Promise<Json> => {
    const answer = await post(site, printEntry(await entryOf(owner, frontier, { signed_publish_at })))
    return answer.body.code ?? answer.status
  }
  assert.is(await at('2026-06-01T00:00:00.5+00:00'), 201)
  assert.is(await at('2026-06-01T00:00:00Z'), 'ERR_ENTRY_STALE')
  assert.is(await at('2026-06-01T03:00:00+03:00'), 'ERR_ENTRY_STALE')
  assert.is(await at('9999-01-01T00:00:00Z'), 'ERR_INSTANT')
  assert.is(await at('2026-06-01T00:00:01Z'), 201)
})

test('an entry whose nodes are not here yet is not served, until they are', async () => {
  await using all = await scene()
  const { site, owner, frontier } = all
  await owner.append(frontier, draft('one more'))
  const entry = printEntry(await entryOf(owner, frontier))
  const { status, body } = await post(site, entry)
  assert.equal([status, body.event_first_promoted], [201, false])
  assert.match(body.event_first_error, 'hash')
  const unavailable = await site.get(`/entries/${frontier}`)
  assert.is(unavailable.status, 424)
  const problem = (await unavailable.json()) as Json
  assert.equal([problem.ok, problem.vfr_id, problem.code], [false, frontier, 'ERR_ENTRY_STALE'])
  assert.is((await site.json('/entries')).entries.length, 1)
  await owner.push(frontier, 'hub:main')
  assert.is(await (await site.get(`/entries/${frontier}`)).text(), entry)
})

test('a later entry that comes before its nodes, from whomever, leaves the one that stands with its snapshot', async () => {
  await using all = await scene()
  const { site, owner, frontier } = all
  const first = printEntry(await entryOf(owner, frontier))
  const snapshot = await wholeText(owner, frontier)
  await post(site, first)
  await owner.append(frontier, draft('one more'))
  const next = printEntry(await entryOf(owner, frontier, { signed_publish_at: '2026-06-02T00:00:00Z' }))
  const { status, body } = await post(site, next)
  assert.equal([status, body.event_first_promoted], [201, false])
  assert.is(await entryText(site, frontier), first)
  assert.is(await snapshotText(site, frontier), snapshot)
  assert.is((await site.json('/entries')).entries.length, 2)
  assert.is((await post(site, first)).body.code, 'ERR_ENTRY_STALE')
  await owner.push(frontier, 'hub:main')
  assert.is(await entryText(site, frontier), next)
  assert.is(await snapshotText(site, frontier), await wholeText(owner, frontier))
})

test('a mirror that has gone on serves the last entry with the snapshot that it is of, also after a restart', async () => {
  const key = Key.generate()
  const keep = keptOpen(new MemoryStore())
  const owner = await Replica.open({ location: new MemoryStore(), hubId: 'hub:owner' })
  const { frontier } = await owner.createFrontier({ name: 'Owned elsewhere' })
  const entry = printEntry(await entryOf(owner, frontier))
  const snapshot = await wholeText(owner, frontier)
  const isServed = async (site: Served): Promise<void> => {
    assert.is(await entryText(site, frontier), entry)
    assert.is(await snapshotText(site, frontier), snapshot)
    assert.is((await site.json(`/frontiers/${frontier}/heads`)).events, 3)
    const manifest = await (await site.get(`/manifest/${frontier}.json`)).json()
    assert.is((manifest as Json).events.length, 3)
  }
  {
    await using site = await serve({ location: keep, key })
    await mirror(site, owner, frontier)
    await owner.push(frontier, 'hub:main')
    assert.is((await post(site, entry)).status, 201)
    await owner.append(frontier, draft('one more'))
    await owner.append(frontier, draft('and another'))
    await owner.push(frontier, 'hub:main')
    await isServed(site)
  }
  await using site = await serve({ location: keep, key })
  await isServed(site)
  await owner.close()
})

test('what comes with an entry unsigned is not kept, but for a licence that may be one, and too much of it is refused', async () => {
  await using all = await scene()
  const { site, owner, frontier } = all
  const entry = printEntry(await entryOf(owner, frontier))
  const withMembers = (text: string): string => `${entry.slice(0, -1)},${text}}`
  for (const length of [70_000, 15_000_000]) {
    const { status, body } = await post(site, withMembers(`"junk":"${'x'.repeat(length)}"`))
    assert.equal([status, body.code], [400, 'ERR_ENTRY'], `${length}`)
  }
  assert.is((await site.get(`/entries/${frontier}`)).status, 404)
  assert.is((await post(site, withMembers(`"junk":[1],"license":"${'free '.repeat(20)}"`))).status, 201)
  assert.is(await entryText(site, frontier), entry)
  const licensed = await entryOf(owner, frontier, { signed_publish_at: '2026-06-02T00:00:00Z', license: 'CC-BY-4.0' })
  assert.is((await post(site, printEntry(licensed))).status, 201)
  assert.is(await entryText(site, frontier), printEntry(licensed))
})

test('what an owner published stands after a restart', async () => {
  const keep = keptOpen(new MemoryStore())
  const key = Key.generate()
  const owner = await Replica.open({ location: new MemoryStore(), hubId: 'hub:owner' })
  const { frontier } = await owner.createFrontier({ name: 'Owned elsewhere' })
  const entry = printEntry(await entryOf(owner, frontier))
  {
    await using site = await serve({ location: keep, key })
    await mirror(site, owner, frontier)
    await owner.push(frontier, 'hub:main')
    assert.is((await post(site, entry)).status, 201)
  }
  await using site = await serve({ location: keep, key })
  assert.is(await (await site.get(`/entries/${frontier}`)).text(), entry)
  await owner.close()
})

test('a frontier stays its hub’s own when the hub has a new key, and the entry is signed by that', async () => {
  await using folder = await scratch()
  await using site = await serve({ location: folder.join('store'), create: true })
  const ownerOf = async (): Promise<string> => {
    const entry = readEntry(await (await site.get(`/entries/${site.frontier}`)).text())
    assert.ok(verifyEntry(entry, verify))
    return entry.owner_pubkey
  }
  const before = site.hub.replica.key.publicKey
  assert.is(await ownerOf(), before)
  const { publicKey } = await site.hub.replica.rotateKey()
  assert.is(await ownerOf(), publicKey)
  const [key] = (await (await site.get(`/manifest/${site.frontier}.sig`)).text()).split(' ')
  assert.is(key, publicKey)
})

test('a publication of as many bytes as may be is read, and a longer one is refused', async () => {
  await using site = await serve()
  const pad = (bytes: number): string => `{"substrate":"${'a'.repeat(bytes - 16)}"}`
  const fits = await site.post('/entries', pad(HTTP_LIMITS.publishBytesMax))
  assert.equal([fits.status, ((await fits.json()) as Json).code], [400, 'ERR_ENTRY'])
  const over = await site.post('/entries', pad(HTTP_LIMITS.publishBytesMax + 1)).catch(() => undefined)
  if (over !== undefined) assert.is(over.status, 413)
  assert.is((await site.get('/healthz')).status, 200)
})

test('a publication is told apart from what comes with it wherever that stands', () => {
  const parts = (text: string): [string, string | undefined] => {
    const { entry, substrate } = splitPublication(utf8(text))
    const show = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')
    return [show(entry), substrate === undefined ? undefined : show(substrate)]
  }
  assert.equal(parts('{"a":1,"substrate":{"b":[1,"}"]},"c":2}'), ['{"a":1,"substrate":null,"c":2}', '{"b":[1,"}"]}'])
  assert.equal(parts('{"substrate" : "x,y" }'), ['{"substrate":null}', ' "x,y" '])
  assert.equal(parts('{"a":"substrate","b":{"substrate":1}}'), ['{"a":"substrate","b":{"substrate":1}}', undefined])
  assert.equal(parts('{"a":"\\"substrate","substrate":1}'), ['{"a":"\\"substrate","substrate":null}', '1'])
  for (const text of [
    '',
    '[]',
    '"substrate"',
    '{"substrate"',
    '{"substrate":',
    '{"substrate":[}',
    '}',
    ']]]{"substrate":1',
  ]) {
    assert.is(parts(text)[1], undefined, text)
  }
})

test.run()
