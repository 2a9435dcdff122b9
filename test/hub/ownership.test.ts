// Who speaks for a frontier at a hub: the owner follows the registry and the owner's own records, and keys that were cut off
// publish nothing.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Key } from '../../src/crypto/key.ts'
import { exportFrontier } from '../../src/projection/files/snapshot.ts'
import { Replica } from '../../src/replica/replica.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import {
  eventLogHash,
  type OwnershipDraft,
  printEntry,
  printOwnershipRecord,
  signEntry,
  signOwnershipRecord,
  snapshotHash,
} from '../../src/vela/index.ts'
import { keptOpen } from '../store/kept-open.ts'
import { type Json, type Served, serve } from './site.ts'

const test = suite('hub/ownership')

interface Scene extends AsyncDisposable {
  readonly site: Served
  readonly owner: Replica
  readonly frontier: string
}

async function scene(location = new MemoryStore()): Promise<Scene> {
  const site = await serve({ location })
  const owner = await Replica.open({ location: new MemoryStore(), hubId: 'hub:owner' })
  const { frontier } = await owner.createFrontier({ name: 'Owned elsewhere' })
  await site.hub.replica.track(frontier)
  await site.hub.replica
    .registry(frontier)
    .add({ id: 'hub:owner', url: 'wss://o.example', publicKey: owner.key.publicKey })
  await owner.registry(frontier).add({ id: 'hub:main', url: site.hub.url, publicKey: site.hub.replica.key.publicKey })
  await owner.push(frontier, 'hub:main')
  const end = async (): Promise<void> => {
    await owner.close()
    await site.hub.close()
  }
  return { site, owner, frontier, [Symbol.asyncDispose]: end }
}

/** Publishes the present state under a key, at so many minutes past noon; what the hub says. */
async function publish({ site, owner, frontier }: Scene, key: Key, minute: number): Promise<string | number> {
  const { file } = await exportFrontier(owner, frontier)
  const entry = signEntry(
    {
      vfr_id: frontier,
      name: 'Owned elsewhere',
      owner_actor_id: 'reviewer:owner',
      latest_snapshot_hash: snapshotHash(file),
      latest_event_log_hash: eventLogHash(file.events, 'full'),
      network_locator: `https://hub.example/entries/${frontier}/snapshot`,
      signed_publish_at: `2026-06-01T12:${String(minute).padStart(2, '0')}:00Z`,
    },
    key,
  )
  return said(await site.post('/entries', printEntry(entry)))
}

async function said(answer: Response): Promise<string | number> {
  const { code } = (await answer.json()) as Json
  return code === undefined ? answer.status : `${answer.status} ${code}`
}

const at = '2026-06-01T12:00:00Z'

function drafts(frontier: string) {
  const shared = { vfr_id: frontier, reason: 'because' }
  return {
    rotation: (key: string): OwnershipDraft => ({
      ...shared,
      schema: 'vela.frontier-owner-rotation.v0.1',
      new_owner_pubkey: key,
      rotated_at: at,
    }),
    deprecation: (reason = 'because'): OwnershipDraft => ({
      ...shared,
      reason,
      schema: 'vela.frontier-deprecation.v0.1',
      deprecated_at: at,
    }),
    maintainer: (action: 'add' | 'remove', key: string, time = at): OwnershipDraft => ({
      ...shared,
      schema: 'vela.frontier-maintainer.v0.1',
      action,
      maintainer_pubkey: key,
      authorized_at: time,
    }),
  }
}

/** Hands a record in under a key. */
async function hand(
  { site, frontier }: Scene,
  path: string,
  draft: OwnershipDraft,
  key: Key,
): Promise<string | number> {
  const record = printOwnershipRecord(signOwnershipRecord(draft, key))
  return said(await site.post(`/entries/${frontier}/${path}`, record))
}

test('a key that the registry rotates away may not publish, and the new one may', async () => {
  await using all = await scene()
  const { site, owner, frontier } = all
  assert.is(await publish(all, owner.key, 1), 201)
  const next = Key.generate()
  await site.hub.replica.registry(frontier).rotate('hub:owner', next.publicKey)
  assert.is(await publish(all, owner.key, 2), '403 ERR_ENTRY_OWNER')
  assert.is((await site.get(`/entries/${frontier}`)).status, 424)
  assert.is(await publish(all, next, 3), 201)
  assert.is((await site.json(`/entries/${frontier}`)).owner_pubkey, next.publicKey)
  assert.is((await site.json(`/entries/${frontier}/status`)).owner_pubkey, next.publicKey)
})

test('a key that was removed may not publish, nor may anybody else in its place', async () => {
  await using all = await scene()
  const { site, owner, frontier } = all
  await site.hub.replica.registry(frontier).remove('hub:owner')
  assert.is(await publish(all, owner.key, 1), '403 ERR_ENTRY_OWNER')
  assert.is(await publish(all, Key.generate(), 1), '403 ERR_ENTRY_OWNER')
  const { deprecation } = drafts(frontier)
  assert.is(await hand(all, 'deprecate', deprecation(), owner.key), '403 ERR_ENTRY_OWNER')
  assert.is((await site.json(`/entries/${frontier}/status`)).owner_pubkey, null)
})

test('an owner gives the frontier to another key, which publishes from then on', async () => {
  await using all = await scene()
  const { site, owner, frontier } = all
  const [next, stranger] = [Key.generate(), Key.generate()]
  const { rotation } = drafts(frontier)
  assert.is(await hand(all, 'rotate-owner', rotation(next.publicKey), stranger), '403 ERR_ENTRY_OWNER')
  assert.is(await publish(all, next, 1), '403 ERR_ENTRY_OWNER')
  assert.is(await hand(all, 'rotate-owner', rotation(next.publicKey), owner.key), 200)
  assert.is(await publish(all, owner.key, 2), '403 ERR_ENTRY_OWNER')
  assert.is(await publish(all, next, 1), 201)
  assert.is((await site.json(`/entries/${frontier}`)).owner_pubkey, next.publicKey)
  assert.is(await hand(all, 'rotate-owner', rotation(owner.key.publicKey), next), '403 ERR_ENTRY_OWNER')
})

test('a record that the owner of that moment made counts on, when the registry rotates the key later and after a restart', async () => {
  const store = keptOpen(new MemoryStore())
  const [peer, next] = [Key.generate(), Key.generate()]
  let frontier: string
  {
    await using all = await scene(store)
    frontier = all.frontier
    const peers = all.site.hub.replica.registry(frontier)
    await peers.rotate('hub:owner', peer.publicKey)
    assert.is(await hand(all, 'maintainers', drafts(frontier).maintainer('add', next.publicKey), peer), 200)
    assert.is(await hand(all, 'rotate-owner', drafts(frontier).rotation(next.publicKey), peer), 200)
    await peers.rotate('hub:owner', Key.generate().publicKey)
  }
  await using site = await serve({ location: store })
  assert.is((await site.json(`/entries/${frontier}/status`)).owner_pubkey, next.publicKey)
  assert.equal((await site.json(`/entries/${frontier}/maintainers`)).maintainers, [next.publicKey])
})

test('a deprecated frontier takes no further entry and leaves the list, and the first record is kept', async () => {
  await using all = await scene()
  const { site, owner, frontier } = all
  const { deprecation } = drafts(frontier)
  assert.is(await publish(all, owner.key, 1), 201)
  assert.is(await hand(all, 'deprecate', deprecation('done'), owner.key), 200)
  assert.is(await hand(all, 'deprecate', deprecation('done'), owner.key), 200)
  assert.is(await hand(all, 'deprecate', deprecation('again'), owner.key), '409 ERR_ENTRY_STALE')
  assert.is(await publish(all, owner.key, 2), '409 ERR_ENTRY_STALE')
  const { status, deprecation: record } = await site.json(`/entries/${frontier}/status`)
  assert.equal([status, record.reason], ['deprecated', 'done'])
  assert.is((await site.json('/entries')).entries.length, 1)
  assert.is((await site.get(`/entries/${frontier}`)).status, 200)
})

test('the owner and maintainers say who the maintainers are, and anybody may ask', async () => {
  await using all = await scene()
  const { site, owner, frontier } = all
  const [one, two] = [Key.generate(), Key.generate()]
  const { maintainer } = drafts(frontier)
  const listed = async (): Promise<string[]> => (await site.json(`/entries/${frontier}/maintainers`)).maintainers
  assert.equal(await listed(), [])
  assert.is(await hand(all, 'maintainers', maintainer('add', one.publicKey), one), '403 ERR_ENTRY_OWNER')
  assert.is(await hand(all, 'maintainers', maintainer('add', one.publicKey), owner.key), 200)
  assert.is(await hand(all, 'maintainers', maintainer('add', two.publicKey), one), 200)
  assert.equal(await listed(), [one.publicKey, two.publicKey].sort())
  assert.is(await hand(all, 'maintainers', maintainer('remove', one.publicKey), two), '409 ERR_ENTRY_STALE')
  const later = '2026-06-01T12:00:01Z'
  assert.is(await hand(all, 'maintainers', maintainer('remove', one.publicKey, later), two), 200)
  assert.equal(await listed(), [two.publicKey])
  assert.is(await publish(all, two, 1), '403 ERR_ENTRY_OWNER')
})

test('what is no record of this frontier and path, is not signed, or is of a time to come, changes nothing', async () => {
  await using all = await scene()
  const { site, owner, frontier } = all
  const { rotation, deprecation } = drafts(frontier)
  const before = await site.json(`/entries/${frontier}/status`)
  const other = { ...deprecation(), vfr_id: site.frontier }
  const future = { ...deprecation(), deprecated_at: '9999-01-01T00:00:00Z' } as OwnershipDraft
  assert.is(await hand(all, 'deprecate', other, owner.key), '422 ERR_ENTRY')
  assert.is(await hand(all, 'deprecate', rotation(Key.generate().publicKey), owner.key), '422 ERR_ENTRY')
  assert.is(await hand(all, 'deprecate', future, owner.key), '422 ERR_INSTANT')
  const path = `/entries/${frontier}/deprecate`
  assert.is(await said(await site.post(path, '{"schema":1}')), '422 ERR_ENTRY')
  assert.is(await said(await site.post(path, '{')), '422 ERR_JSON')
  const signed = printOwnershipRecord(signOwnershipRecord(deprecation(), owner.key))
  assert.is(await said(await site.post(path, signed.replace('because', 'instead'))), '401 ERR_ENTRY_SIGNATURE')
  assert.is(await said(await site.post('/entries/vfr_1111111111111111/deprecate', signed)), '404 ERR_FRONTIER_UNKNOWN')
  assert.is(await said(await site.post(path, `${' '.repeat(70_000)}{}`)), '413 ERR_HTTP_LIMIT')
  assert.equal(await site.json(`/entries/${frontier}/status`), before)
})

test.run()
