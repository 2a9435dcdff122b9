// Comparisons end to end: frontiers fetched from a real server, a hub or a file, compared, and
// journaled once; also failures.

import * as fs from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Hub } from '../../src/hub/hub.ts'
import { hasCode, Replica } from '../../src/index.ts'
import { comparePeer } from '../../src/projection/compare-peer.ts'
import { importFrontier } from '../../src/projection/files/import-file.ts'
import { exportFrontier } from '../../src/projection/files/snapshot.ts'
import { splitFrontier } from '../../src/projection/files/split.ts'
import * as root from '../../src/projection/index.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import * as vela from '../../src/vela/index.ts'
import { codeOf, NOW } from '../replica/drafts.ts'
import { shared, skip } from '../shared-data.ts'
import { signer } from '../vela/signers.ts'
import { entryFor, frontierFile, OWNER, TestServer } from './fetch-server.ts'

const test = suite('projection/compare-peer')

type Names = Record<string, unknown>

const mine = frontierFile([{ id: 'vf_0000000000000001' }, { id: 'vf_0000000000000002', score: 0.75 }])
const peers = frontierFile([{ id: 'vf_0000000000000002', score: 0.7 }, { id: 'vf_0000000000000003' }])
const { frontier } = mine

async function replicaOf(text: string | Uint8Array): Promise<Replica> {
  const replica = await Replica.open({ location: new MemoryStore(), hubId: 'hub:lab', clock: () => NOW })
  const parts = splitFrontier(Buffer.from(text))
  await importFrontier(replica, { frontier: parts.frontier!, parts })
  return replica
}

/** Returns kinds and texts of the journaled events. */
async function recorded(replica: Replica): Promise<string[]> {
  const entries = await replica.journal(frontier, { limit: 256 })
  return entries.flatMap(({ event }) => (event === undefined ? [] : [Buffer.from(event).toString()]))
}

test('a registered peer’s signed manifest is compared, and each difference is recorded once', async () => {
  await using server = await TestServer.open()
  await using replica = await replicaOf(mine.text)
  const key = signer(8)
  const path = `/manifest/${frontier}`
  server.serve(`${path}.json`, peers.text)
  server.serve(`${path}.sig`, vela.signManifestFile(frontier, Buffer.from(peers.text), key))
  await replica.registry(frontier).add({ id: 'hub:far', url: server.url, publicKey: key.publicKey })
  const heads = replica.heads(frontier)
  const dry = await comparePeer(replica, { frontier, from: { peer: 'hub:far' } }, { dryRun: true })
  assert.equal([dry.recorded, await recorded(replica)], [false, []])
  const first = await comparePeer(replica, { frontier, from: { peer: 'hub:far' } })
  assert.equal(
    first.report.conflicts.map(({ finding_id, kind, detail }) => [finding_id, kind, detail]),
    [
      ['vf_0000000000000001', 'missing_in_peer', 'present locally, absent in peer'],
      ['vf_0000000000000002', 'confidence_diverged', 'ours: 0.750, peer: 0.700'],
      ['vf_0000000000000003', 'missing_locally', 'present in peer, absent locally'],
    ],
  )
  const { snapshots } = vela.contentHashes(Buffer.from(peers.text))
  assert.is(first.report.peer_snapshot_hash, snapshots[0])
  assert.equal([first.outcome, first.report.events_appended, first.events.length], ['compared', 4, 4])
  // The events that the reference makes of these frontiers.
  const ours = vela.readFrontier((await exportFrontier(replica, frontier)).text)
  const pass = { peer: 'hub:far', at: NOW.toISOString(), frontier }
  const { events } = vela.syncWithPeer(ours, vela.readFrontier(peers.text), pass)
  const texts = events.map(({ text }) => Buffer.from(text).toString())
  assert.equal(await recorded(replica), texts)
  const second = await comparePeer(replica, { frontier, from: { peer: 'hub:far' } })
  assert.equal([second.report.conflicts.length, second.report.events_appended], [3, 1])
  assert.is((await recorded(replica)).length, 5)
  const again = await comparePeer(replica, { frontier, from: { peer: 'hub:far' } }, { again: true })
  assert.is(again.report.events_appended, 4)
  // A difference with another peer is recorded too.
  const other = await comparePeer(replica, { frontier, from: { file: Buffer.from(peers.text), name: 'a file' } })
  assert.is(other.report.events_appended, 4)
  assert.equal(replica.heads(frontier), heads)
  assert.ok((await replica.verify()).ok)
})

test('a peer with another key, or one that can’t be reached, is not compared and leaves no record', async () => {
  await using server = await TestServer.open()
  await using replica = await replicaOf(mine.text)
  const path = `/manifest/${frontier}`
  server.serve(`${path}.json`, peers.text)
  server.serve(`${path}.sig`, vela.signManifestFile(frontier, Buffer.from(peers.text), signer(9)))
  await replica.registry(frontier).add({ id: 'hub:far', url: server.url, publicKey: signer(8).publicKey })
  assert.is(await codeOf(comparePeer(replica, { frontier, from: { peer: 'hub:far' } })), 'ERR_FETCH')
  assert.is(await codeOf(comparePeer(replica, { frontier, from: { peer: 'hub:no' } })), 'ERR_PEER_UNKNOWN')
  assert.is(await codeOf(comparePeer(replica, { frontier, from: { url: `${server.url}/no` } })), 'ERR_FETCH')
  assert.is(await codeOf(comparePeer(replica, { frontier, from: { url: 'http://127.0.0.1:1' } })), 'ERR_FETCH')
  assert.is(
    await codeOf(comparePeer(replica, { frontier, from: { url: server.url } }, { viaHub: true })),
    'ERR_NOT_FOUND',
  )
  assert.equal(await recorded(replica), [])
})

test('comparisons through a hub’s entry record broken and unverified entries as such', async () => {
  await using server = await TestServer.open()
  await using replica = await replicaOf(mine.text)
  const locator = `${server.url}/there`
  const url = server.url
  server.serve(`/entries/${frontier}`, entryFor(peers, locator))
  const broken = await comparePeer(replica, { frontier, from: { url } }, { viaHub: true })
  assert.equal(
    [broken.outcome, broken.report.conflicts],
    [
      'broken_locator',
      [{ finding_id: frontier, kind: 'broken_locator', detail: `locator ${locator} returned HTTP 404` }],
    ],
  )
  assert.is(broken.report.peer_snapshot_hash, '')
  assert.is((await recorded(replica)).length, 2)
  server.serve('/there', peers.text)
  const good = await comparePeer(replica, { frontier, from: { url } }, { viaHub: true, ownerKey: OWNER.publicKey })
  assert.equal([good.outcome, good.report.conflicts.length], ['compared', 3])
  const stranger = await comparePeer(
    replica,
    { frontier, from: { url } },
    { viaHub: true, ownerKey: signer(9).publicKey },
  )
  assert.is(stranger.outcome, 'unverified_peer_entry')
  assert.match(stranger.report.conflicts[0]!.detail, /^entry owner_pubkey /)
  assert.is((await recorded(replica)).length, 2 + 4 + 2)
})

test('through a hub’s entry the owner is the one known here, also after its key was rotated', async () => {
  await using server = await TestServer.open()
  await using owner = await Hub.listen({ location: new MemoryStore(), port: 0, hubId: 'hub:owner', clock: () => NOW })
  await using replica = await Replica.open({ location: new MemoryStore(), clock: () => NOW })
  const { frontier: own } = await owner.replica.createFrontier({ name: 'Owned elsewhere' })
  const peer = replica.registry(own)
  await peer.add({ id: 'hub:owner', url: owner.url, publicKey: owner.replica.key.publicKey })
  await replica.pull(own, 'hub:owner')
  const outcome = async (url: string): Promise<string> =>
    (await comparePeer(replica, { frontier: own, from: { url } }, { viaHub: true, dryRun: true })).outcome
  assert.is(await outcome(owner.url), 'compared')
  const { text } = await exportFrontier(owner.replica, own)
  const content = { frontier: own, text: Buffer.from(text).toString('utf8') }
  server.serve(`/entries/${own}`, entryFor(content, `${server.url}/there`))
  server.serve('/there', content.text)
  assert.is(await outcome(server.url), 'unverified_peer_entry')
  await peer.rotate('hub:owner', OWNER.publicKey)
  assert.is(await outcome(server.url), 'compared')
  assert.is(await outcome(owner.url), 'unverified_peer_entry')
})

test('two real hubs compare with each other by manifest and by entry', async () => {
  const listen = (hubId: string) => Hub.listen({ location: new MemoryStore(), port: 0, hubId, clock: () => NOW })
  await using left = await listen('hub:left')
  await using right = await listen('hub:right')
  for (const [hub, text] of [
    [left, mine.text],
    [right, peers.text],
  ] as const)
    await importFrontier(hub.replica, { frontier, parts: splitFrontier(Buffer.from(text)) })
  await left.replica.registry(frontier).add({ id: 'hub:right', url: right.url, publicKey: right.replica.key.publicKey })
  for (const viaHub of [false, true]) {
    const { outcome, report } = await comparePeer(
      left.replica,
      { frontier, from: { peer: 'hub:right' } },
      { viaHub, again: true },
    )
    assert.equal(
      [outcome, report.conflicts.map(({ kind }) => kind)],
      ['compared', ['missing_in_peer', 'confidence_diverged', 'missing_locally']],
    )
    assert.is(report.peer_snapshot_hash, vela.snapshotHash((await exportFrontier(right.replica, frontier)).file))
  }
})

const realData = 'ours against the peer’s real frontier gives the 38 known conflicts'
const [ourFile, peerFile] = ['ours', 'peer'].map(side => shared(`vela/real-sync/${side}.bbb-alzheimer.json`))
if (ourFile === undefined || peerFile === undefined) skip(realData, 'vela/real-sync is not at hand')
else
  test(realData, async () => {
    await using replica = await replicaOf(fs.readFileSync(ourFile))
    const [name] = replica.frontiers()
    const { report } = await comparePeer(replica, {
      frontier: name!,
      from: { file: fs.readFileSync(peerFile), name: 'hub:peer' },
    })
    assert.equal([report.conflicts.length, report.events_appended], [38, 39])
    const direct = vela.diffFrontiers(
      vela.readFrontier(fs.readFileSync(ourFile)),
      vela.readFrontier(fs.readFileSync(peerFile)),
    )
    assert.equal(report.conflicts, direct)
  })

test('the reference’s names are exported, the pure ones also by the pure rules', () => {
  const pure = [
    'classifyPeerEventSet',
    'diffFrontiers',
    'recordLocatorFailure',
    'recordUnverifiedEntry',
    'syncWithPeer',
  ]
  for (const name of pure) assert.is((vela as Names)[name], (root as Names)[name], name)
  for (const name of [...pure, 'discoverPeerFrontier', 'fetchPeerFrontier'])
    assert.type((root as Names)[name], 'function')
  const base = { id: 'vev_1', parents: [] }
  const child = { id: 'vev_3', parents: ['vev_1', 'vev_2'] }
  assert.equal(vela.classifyPeerEventSet([base], [child]), { kind: 'fetch', missing: ['vev_2'] })
  assert.equal(vela.classifyPeerEventSet([base], [child, { id: 'vev_2', parents: [] }]), { kind: 'proceed' })
})

test('a file that is not a frontier is refused', async () => {
  await using replica = await replicaOf(mine.text)
  const file = Buffer.from('{}')
  const error = await comparePeer(replica, { frontier, from: { file, name: 'x' } }).catch((reason: unknown) => reason)
  assert.ok(hasCode(error, 'ERR_FRONTIER'))
})

test.run()
