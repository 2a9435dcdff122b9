import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AddedPeer, type PeerDraft, Registry } from '../../src/admission/registry.ts'
import { concat, sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { type ErrorCode, hasCode } from '../../src/base/errors.ts'
import { REGISTRY_LIMITS } from '../../src/base/limits.ts'
import { type CborValue, decodeCbor, encodeCbor } from '../../src/cbor/dag-cbor.ts'
import type { Key } from '../../src/crypto/key.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { shared, skip } from '../shared-data.ts'
import { FRONTIER, NOW, seededKey } from './nodes.ts'

const test = suite('admission/registry')

const own = seededKey(1)
const alice = seededKey(2)
const bob = seededKey(3)
const carol = seededKey(4)
const head = sha256(utf8('head'))
const CUT = { heads: [head], at: NOW }

async function open(store = new MemoryStore(), key = own, former: readonly string[] = []): Promise<Registry> {
  return Registry.load(store.records, FRONTIER, { id: 'hub:own', key, url: 'wss://own.example', former })
}

function draft(id: string, key: Key, more: Partial<PeerDraft> = {}): PeerDraft {
  return { id, url: 'wss://peer.example/replica', publicKey: key.publicKey, addedAt: NOW, ...more }
}

async function refused(code: ErrorCode, action: () => Promise<unknown> | unknown): Promise<void> {
  try {
    await action()
  } catch (error) {
    if (!hasCode(error, code)) throw error
    return
  }
  assert.unreachable(`${code} was expected`)
}

test('a peer that is registered is found by id and key, and its nodes count', async () => {
  const registry = await open()
  const { peer, change } = await registry.add(draft('hub:alice', alice, { note: 'a mirror' }))
  assert.is(change, 'added')
  assert.equal(peer, {
    id: 'hub:alice',
    url: 'wss://peer.example/replica',
    publicKey: alice.publicKey,
    addedAt: NOW,
    note: 'a mirror',
  })
  assert.equal(registry.get('hub:alice'), peer)
  assert.equal(registry.byKey(alice.publicKeyBytes), peer)
  assert.equal(registry.list(), [peer])
  assert.is(registry.verdict(alice.publicKeyBytes), 'registered')
  assert.is(registry.verdict(bob.publicKeyBytes), 'unknown')
})

test("one's own keys are registered from the start, the former ones too", async () => {
  const registry = await open(new MemoryStore(), own, [carol.publicKey])
  assert.is(registry.verdict(own.publicKeyBytes), 'registered')
  assert.is(registry.verdict(carol.publicKeyBytes), 'registered')
  assert.equal(registry.ownKeys, [own.publicKey, carol.publicKey])
  assert.equal(registry.list(), [])
})

test('a key in capitals is the same key', async () => {
  const registry = await open()
  const { peer } = await registry.add(draft('hub:alice', alice, { publicKey: alice.publicKey.toUpperCase() }))
  assert.is(peer.publicKey, alice.publicKey)
  await refused('ERR_PEER_EXISTS', () => registry.add(draft('hub:other', alice)))
})

test('the same peer again is no change and no error; with anything else it is refused', async () => {
  const registry = await open()
  await registry.add(draft('hub:alice', alice))
  const { changes } = registry
  assert.is((await registry.add(draft('hub:alice', alice, { addedAt: '2027-01-01T00:00:00Z' }))).change, 'same')
  assert.is(registry.changes, changes)
  await refused('ERR_PEER_KEY_CHANGED', () => registry.add(draft('hub:alice', bob)))
  await refused('ERR_PEER_EXISTS', () => registry.add(draft('hub:alice', alice, { url: 'wss://elsewhere.example' })))
})

test('no second id for a key, and nobody takes the id or the key of this replica', async () => {
  const registry = await open(new MemoryStore(), own, [carol.publicKey])
  await registry.add(draft('hub:alice', alice))
  await refused('ERR_PEER_EXISTS', () => registry.add(draft('hub:alias', alice)))
  await refused('ERR_PEER_EXISTS', () => registry.add(draft('hub:me', own)))
  await refused('ERR_PEER_EXISTS', () => registry.add(draft('hub:me', carol)))
  await refused('ERR_PEER_EXISTS', () => registry.add(draft('hub:own', bob)))
})

const badIds: [string, string][] = [
  ['empty', ''],
  ['blank', '  '],
  ['with a space in front', ' hub:x'],
  ['with two spaces', 'hub  x'],
  ['with a line break', 'hub:x\ny'],
  ['with an escape character', 'hub:\u001b[31m'],
  ['with a bidi override', 'hub:\u202eevil'],
  ['with a zero-width space', 'hub\u200b:x'],
  ['with half a surrogate pair', 'hub:\ud800'],
  ['too long', 'x'.repeat(REGISTRY_LIMITS.idBytesMax + 1)],
]
for (const [name, id] of badIds) {
  test(`a peer id ${name} is refused`, async () => {
    const registry = await open()
    await refused('ERR_PEER_ID', () => registry.add(draft(id, alice)))
    assert.equal(registry.list(), [])
  })
}

test('ids of every script and the longest one are taken', async () => {
  for (const id of ['hub:lab', 'Institut für Physik', '東京:ハブ', 'x'.repeat(REGISTRY_LIMITS.idBytesMax)]) {
    const registry = await open()
    assert.is((await registry.add(draft(id, alice))).peer.id, id)
  }
})

const urls: [string, boolean][] = [
  ['wss://hub.example', true],
  ['https://hub.example:8443/path?x=1', true],
  ['WSS://hub.example', true],
  ['ws://127.0.0.1:4000', true],
  ['http://127.8.9.1', true],
  ['ws://localhost:80/x', true],
  ['http://[::1]:4000/', true],
  ['ws://0x7f.1', true],
  ['ws://hub.example', false],
  ['http://localhost.example', false],
  ['ws://[::2]', false],
  ['http://127.0.0.1.example', false],
  ['ftp://hub.example', false],
  ['file:///etc/passwd', false],
  ['hub.example', false],
  ['', false],
  ['https://', false],
  ['https:hub.example', false],
  ['https:\\\\hub.example', false],
  ['https://user@hub.example', false],
  ['https://user:secret@hub.example', false],
  ['https://hub.example/#part', false],
  ['https://hub.example/a b', false],
  ['https://hub.\nexample', false],
  ['https://hub.\u202eexample', false],
  [`https://hub.example/${'x'.repeat(REGISTRY_LIMITS.urlBytesMax)}`, false],
]
for (const [url, accepted] of urls) {
  test(`the URL ${JSON.stringify(url.slice(0, 60))} is ${accepted ? 'taken' : 'refused'}`, async () => {
    const registry = await open()
    if (accepted) assert.is((await registry.add(draft('hub:x', alice, { url }))).peer.url, url)
    else await refused('ERR_PEER_URL', () => registry.add(draft('hub:x', alice, { url })))
  })
}

test('plain URLs to other machines need the explicit flag', async () => {
  const registry = await open()
  await registry.add(draft('hub:x', alice, { url: 'ws://10.0.0.1:4000', allowPlain: true }))
  assert.is(registry.list().length, 1)
})

test('a key is vetted: text, length, curve and order', async () => {
  const registry = await open()
  const bad = [
    '',
    'zz'.repeat(32),
    alice.publicKey.slice(2),
    `${alice.publicKey}00`,
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    'ff'.repeat(32),
    `02${'00'.repeat(31)}`,
    ` ${alice.publicKey}`,
  ]
  for (const publicKey of bad) await refused('ERR_KEY', () => registry.add(draft('hub:x', alice, { publicKey })))
  assert.equal(registry.list(), [])
})

test('a note of several lines or too many bytes is refused', async () => {
  const registry = await open()
  await refused('ERR_PEER_ID', () => registry.add(draft('hub:x', alice, { note: 'a\nb' })))
  const note = 'x'.repeat(REGISTRY_LIMITS.noteBytesMax)
  await refused('ERR_PEER_ID', () => registry.add(draft('hub:x', alice, { note: `${note}x` })))
  await registry.add(draft('hub:x', alice, { note }))
})

const path = shared('vela/synthetic/peers.json')
if (path === undefined) skip('admission/registry: the reference peers', 'vela/synthetic/peers.json is not here')
else {
  test('what the reference refuses is refused here for the same field', async () => {
    const codes: Record<string, ErrorCode> = { id: 'ERR_PEER_ID', url: 'ERR_PEER_URL', public_key: 'ERR_KEY' }
    for (const { peer, reference_accepts, field } of JSON.parse(readFileSync(path, 'utf8'))) {
      if (reference_accepts) continue // its made-up keys are no points of the curve: stricter here
      const registry = await open()
      const { id, url, public_key: publicKey } = peer
      const valid = field === 'public_key' ? publicKey : alice.publicKey
      await refused(codes[field]!, () => registry.add({ id, url, publicKey: valid, addedAt: peer.added_at }))
    }
  })
}

test('removal leaves a cut at the heads of that moment', async () => {
  const registry = await open()
  await registry.add(draft('hub:alice', alice))
  const later = sha256(utf8('later'))
  const cut = await registry.remove('hub:alice', { heads: [head, later], at: NOW })
  assert.equal(cut, {
    id: 'hub:alice',
    publicKey: alice.publicKey,
    heads: [toHex(head), toHex(later)].sort(),
    at: NOW,
  })
  assert.equal(registry.verdict(alice.publicKeyBytes), { cut })
  assert.equal([registry.list(), registry.cuts()], [[], [cut]])
  await refused('ERR_PEER_UNKNOWN', () => registry.remove('hub:alice', CUT))
})

test('a removed key may be added again, which lifts its cut and says so', async () => {
  const registry = await open()
  await registry.add(draft('hub:alice', alice))
  const cut = await registry.remove('hub:alice', CUT)
  const added: AddedPeer = await registry.add(draft('hub:alice', alice))
  assert.equal(added.lifted, cut)
  assert.is(registry.verdict(alice.publicKeyBytes), 'registered')
  assert.equal(registry.cuts(), [])
})

test('rotation cuts the old key and takes the new one', async () => {
  const registry = await open()
  await registry.add(draft('hub:alice', alice))
  const { peer, cut } = await registry.rotate('hub:alice', bob.publicKey, CUT)
  assert.is(peer.publicKey, bob.publicKey)
  assert.equal(registry.verdict(alice.publicKeyBytes), { cut })
  assert.is(registry.verdict(bob.publicKeyBytes), 'registered')
  assert.is(registry.list().length, 1)
})

test('rotation to a key that is somebody’s, unchanged, cut, bad, or of nobody known is refused', async () => {
  const registry = await open()
  await registry.add(draft('hub:alice', alice))
  await registry.add(draft('hub:bob', bob))
  await refused('ERR_PEER_EXISTS', () => registry.rotate('hub:alice', bob.publicKey, CUT))
  await refused('ERR_PEER_EXISTS', () => registry.rotate('hub:alice', alice.publicKey, CUT))
  await refused('ERR_PEER_EXISTS', () => registry.rotate('hub:alice', own.publicKey, CUT))
  await refused('ERR_PEER_UNKNOWN', () => registry.rotate('hub:carol', carol.publicKey, CUT))
  await refused('ERR_KEY', () => registry.rotate('hub:alice', '00'.repeat(32), CUT))
  await registry.remove('hub:bob', CUT)
  await refused('ERR_PEER_EXISTS', () => registry.rotate('hub:alice', bob.publicKey, CUT))
})

test('a former key of one’s own that has leaked can be cut, the present one cannot', async () => {
  const registry = await open(new MemoryStore(), own, [carol.publicKey])
  const cut = await registry.retire(carol.publicKey, CUT)
  assert.equal(registry.verdict(carol.publicKeyBytes), { cut })
  await refused('ERR_PEER_UNKNOWN', () => registry.retire(own.publicKey, CUT))
  await refused('ERR_PEER_UNKNOWN', () => registry.retire(alice.publicKey, CUT))
})

test('a registry is the same after it is loaded again, and each frontier has its own', async () => {
  const store = new MemoryStore()
  const registry = await open(store)
  for (let seed = 10; seed < 310; seed++) {
    const key = seededKey(seed % 256)
    if (seed < 256) await registry.add(draft(`hub:${seed}`, key))
  }
  await registry.add(draft('hub:alice', alice, { note: 'kept' }))
  await registry.remove('hub:20', CUT)
  const again = await open(store)
  assert.equal(again.list(), registry.list())
  assert.equal(again.cuts(), registry.cuts())
  assert.equal(again.digest(), registry.digest())
  const other = await Registry.load(store.records, 'vfr_ffffffffffffffff', { id: 'hub:own', key: own })
  assert.equal(other.list(), [])
})

test('a damaged record is found when the registry is loaded', async () => {
  const store = new MemoryStore()
  const key = `registry/${FRONTIER}/peer/${alice.publicKey}`
  for (const value of [
    utf8('x'),
    encodeCbor({}),
    encodeCbor([]),
    encodeCbor({ id: 1, url: '', added_at: '', note: null }),
  ]) {
    await store.records.write([{ key, value }])
    await refused('ERR_STORE_CORRUPT', () => open(store))
  }
})

test('a change that could not be written does not count', async () => {
  const store = new MemoryStore()
  const registry = await open(store)
  await store.close()
  await refused('ERR_STORE_CLOSED', () => registry.add(draft('hub:alice', alice)))
  assert.is(registry.verdict(alice.publicKeyBytes), 'unknown')
})

test('changes made at once run one after another', async () => {
  const registry = await open()
  const results = await Promise.allSettled([
    registry.add(draft('hub:alice', alice)),
    registry.add(draft('hub:alias', alice)),
    registry.add(draft('hub:alice', alice)),
  ])
  assert.equal(
    results.map(result => result.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
})

test('equal registries have equal digests, whoever is whose peer, and notes and URLs are no part of it', async () => {
  const mine = await open(new MemoryStore(), own)
  const theirs = await open(new MemoryStore(), alice)
  await mine.add(draft('hub:alice', alice))
  await theirs.add(draft('hub:main', own, { note: 'other words', url: 'https://own.example' }))
  assert.equal(mine.digest(), theirs.digest())
  await mine.add(draft('hub:bob', bob))
  assert.is.not(toHex(mine.digest()), toHex(theirs.digest()))
  await theirs.add(draft('hub:b', bob))
  assert.equal(mine.digest(), theirs.digest())
  await mine.remove('hub:bob', CUT)
  assert.is.not(toHex(mine.digest()), toHex(theirs.digest()))
  await theirs.remove('hub:b', { ...CUT, at: 'another time' })
  assert.equal(mine.digest(), theirs.digest())
})

test('a former key that is not cut is in no offer', async () => {
  const hub = await open(new MemoryStore(), own, [seededKey(6).publicKey])
  const { peers, cuts } = hub.readOffer(hub.offer(), own.publicKeyBytes)
  assert.equal([peers, cuts], [[], []])
})

test('an offer is read by whoever expects this hub, and adopted it gives an equal registry', async () => {
  const hub = await open(new MemoryStore(), own, [seededKey(6).publicKey])
  await hub.add(draft('hub:alice', alice, { note: 'private' }))
  await hub.add(draft('hub:bob', bob))
  await hub.remove('hub:bob', CUT)
  await hub.retire(seededKey(6).publicKey, CUT)
  const store = new MemoryStore()
  const clone = await Registry.load(store.records, FRONTIER, { id: 'hub:clone', key: carol })
  await clone.add(draft('hub:main', own))
  const offer = clone.readOffer(hub.offer(), own.publicKeyBytes)
  assert.equal(offer.hub, { id: 'hub:own', url: 'wss://own.example', publicKey: own.publicKey })
  assert.not.ok(JSON.stringify(offer).includes('private'))
  const { added, cut, skipped } = await clone.adopt(offer, { at: NOW })
  assert.equal(added, ['hub:alice'])
  assert.equal(cut, [bob.publicKey, seededKey(6).publicKey].sort())
  assert.equal(skipped, [{ id: 'hub:own', reason: 'its key is registered here as hub:main' }])
  await hub.add(draft('hub:clone', carol))
  assert.equal(clone.digest(), hub.digest())
  assert.equal(clone.get('hub:alice')!.note, 'adopted from hub:own')
})

test('adopting never overrides what is declared here, and declares nothing about one’s own keys', async () => {
  const hub = await open(new MemoryStore(), own)
  await hub.add(draft('hub:alice', alice))
  await hub.add(draft('hub:bob', bob))
  await hub.add(draft('hub:carol', carol))
  await hub.remove('hub:carol', CUT)
  await hub.add(draft('hub:dave', seededKey(5)))
  await hub.remove('hub:dave', CUT)
  const here = await Registry.load(new MemoryStore().records, FRONTIER, { id: 'hub:dave', key: seededKey(5) })
  await here.add(draft('hub:own', own))
  await here.add(draft('hub:alice', seededKey(7)))
  await here.add(draft('hub:bob', bob))
  await here.remove('hub:bob', { heads: [], at: NOW })
  await here.add(draft('hub:carol', carol))
  const before = [here.list(), here.cuts()]
  const { added, cut, skipped } = await here.adopt(here.readOffer(hub.offer(), own.publicKeyBytes), { at: NOW })
  assert.equal([added, cut], [[], []])
  assert.equal(skipped.map(item => item.id).sort(), ['hub:alice', 'hub:bob', 'hub:carol', 'hub:dave', 'hub:own'])
  assert.equal([here.list(), here.cuts()], before)
})

test('plain URLs in an offer are adopted only with the explicit flag, bad keys never', async () => {
  const hub = await open()
  await hub.add(draft('hub:alice', alice, { url: 'ws://10.0.0.1', allowPlain: true }))
  const here = await open(new MemoryStore(), carol)
  const offer = here.readOffer(hub.offer(), own.publicKeyBytes)
  const bad = { ...offer, peers: [...offer.peers, { id: 'hub:zero', url: '', publicKey: '00'.repeat(32) }] }
  assert.equal(
    (await here.adopt(bad, { at: NOW })).skipped.map(item => item.id),
    ['hub:own', 'hub:alice', 'hub:zero'],
  )
  assert.equal((await here.adopt(bad, { at: NOW, allowPlain: true })).added, ['hub:alice'])
})

/** An offer signed as it stands, whatever it says. */
function signed(body: CborValue | Uint8Array, key = own): Uint8Array {
  const bytes = body instanceof Uint8Array ? body : encodeCbor(body)
  return encodeCbor({ body: bytes, sig: key.sign(concat([utf8('replica/registry/1\n'), bytes])) })
}

const item = (id: string, key: Key): CborValue => [id, '', key.publicKeyBytes]
const BODY = {
  v: 1,
  frontier: FRONTIER,
  hub: item('hub:own', own),
  peers: [item('a', alice), item('b', bob)],
  cuts: [],
}

const badOffers: [string, Uint8Array][] = [
  ['no CBOR', utf8('x')],
  ['no map', encodeCbor([1])],
  ['a member too many', encodeCbor({ body: new Uint8Array(0), sig: new Uint8Array(64), more: 1 })],
  ['a body that is no bytes', encodeCbor({ body: 'x', sig: new Uint8Array(64) })],
  ['signed by another', signed(BODY, alice)],
  ['signed without the domain', encodeCbor({ body: encodeCbor(BODY), sig: own.sign(encodeCbor(BODY)) })],
  ['another version', signed({ ...BODY, v: 2 })],
  ['another frontier', signed({ ...BODY, frontier: 'vfr_ffffffffffffffff' })],
  ['another hub inside', signed({ ...BODY, hub: item('hub:own', carol) })],
  ['peers out of order', signed({ ...BODY, peers: [item('b', bob), item('a', alice)] })],
  ['an id twice', signed({ ...BODY, peers: [item('a', alice), item('a', bob)] })],
  ['a key twice', signed({ ...BODY, peers: [item('a', alice), item('b', alice)] })],
  ['the hub among its peers', signed({ ...BODY, peers: [item('a', own)] })],
  ['a key registered and cut', signed({ ...BODY, cuts: [['a', alice.publicKeyBytes, head]] })],
  ['a bad id', signed({ ...BODY, peers: [item('a\u001b', alice)] })],
  ['a bad URL', signed({ ...BODY, peers: [['a', 'file:///etc/passwd', alice.publicKeyBytes]] })],
  ['a short key', signed({ ...BODY, peers: [['a', '', new Uint8Array(31)]] })],
  [
    'heads that are no digests',
    signed({ ...BODY, peers: [], cuts: [['a', alice.publicKeyBytes, new Uint8Array(31)]] }),
  ],
  ['heads out of order', signed({ ...BODY, peers: [], cuts: [['a', alice.publicKeyBytes, concat([head, head])]] })],
  ['a list that is none', signed({ ...BODY, peers: 1 })],
  ['an entry that is none', signed({ ...BODY, peers: [[]] })],
  ['too large', new Uint8Array(REGISTRY_LIMITS.offerBytesMax + 1)],
]
for (const [name, bytes] of badOffers) {
  test(`an offer is refused: ${name}`, async () => {
    const registry = await open(new MemoryStore(), carol)
    await refused('ERR_REGISTRY', () => registry.readOffer(bytes, own.publicKeyBytes))
  })
}

test('the offer these are made from is a good one', async () => {
  const registry = await open(new MemoryStore(), carol)
  const offer = registry.readOffer(signed(BODY), own.publicKeyBytes)
  assert.equal(
    offer.peers.map(peer => peer.id),
    ['a', 'b'],
  )
  const { body } = decodeCbor(signed(BODY)) as { body: Uint8Array }
  assert.ok(body.length > 0)
})

test('a cut takes as many heads as its limit says, and not one more', async () => {
  const registry = await open()
  await registry.add(draft('hub:alice', alice))
  const heads = Array.from({ length: REGISTRY_LIMITS.cutHeadsMax + 1 }, (_, i) => sha256(utf8(`${i}`)))
  await refused('ERR_REGISTRY', () => registry.remove('hub:alice', { heads, at: NOW }))
  await registry.remove('hub:alice', { heads: heads.slice(1), at: NOW })
  const hub = registry.offer()
  const reader = await open(new MemoryStore(), carol)
  assert.is(reader.readOffer(hub, own.publicKeyBytes).cuts[0]!.heads.length, REGISTRY_LIMITS.cutHeadsMax)
})

test.run()
