// The link setting and the address of a peer: local declarations that change nothing about who is admitted or what others are
// told, kept through a rotation, read again from the store, and told to whoever follows the registry.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type PeerDraft, Registry } from '../../src/admission/registry.ts'
import { toHex } from '../../src/base/bytes.ts'
import { type ErrorCode, hasCode } from '../../src/base/errors.ts'
import { encodeCbor } from '../../src/cbor/dag-cbor.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { FRONTIER, NOW, seededKey } from './nodes.ts'

const test = suite('admission/registry-live')

const own = seededKey(1)
const alice = seededKey(2)
const bob = seededKey(3)

function open(store = new MemoryStore(), key = own, id = 'hub:own'): Promise<Registry> {
  return Registry.load(store.records, FRONTIER, { id, key })
}

function draft(more: Partial<PeerDraft> = {}): PeerDraft {
  return { id: 'hub:alice', url: 'wss://alice.example', publicKey: alice.publicKey, addedAt: NOW, ...more }
}

async function refused(code: ErrorCode, action: Promise<unknown>): Promise<void> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(hasCode(error, code), `${code} was expected`)
}

test('the setting is stored, and is no part of the digest or the offer', async () => {
  const store = new MemoryStore()
  const registry = await open(store)
  await registry.add(draft())
  const [digest, offer] = [toHex(registry.digest()), toHex(registry.offer())]
  const { peer } = await registry.change('hub:alice', { live: 'both' })
  assert.is(peer.live, 'both')
  assert.equal([toHex(registry.digest()), toHex(registry.offer())], [digest, offer])
  assert.is((await open(store)).get('hub:alice')?.live, 'both')
  await registry.change('hub:alice', { live: 'off' })
  assert.is((await open(store)).get('hub:alice')?.live, undefined)
})

test('adding again without a setting keeps it; with another one is refused', async () => {
  const registry = await open()
  await registry.add(draft({ live: 'pull' }))
  for (const more of [{}, { live: 'pull' } as const])
    assert.equal((await registry.add(draft(more))).peer.live, 'pull', JSON.stringify(more))
  await refused('ERR_PEER_EXISTS', registry.add(draft({ live: 'push' })))
  await refused('ERR_PEER_EXISTS', registry.add(draft({ url: 'wss://other.example' })))
})

test('a rotation keeps the setting; adopting leaves it as it is and follows nobody new', async () => {
  const registry = await open()
  await registry.add(draft({ live: 'push' }))
  const { peer } = await registry.rotate('hub:alice', bob.publicKey, { heads: [], at: NOW })
  assert.is(peer.live, 'push')
  const other = await open(new MemoryStore(), seededKey(4), 'hub:other')
  await other.add({ ...draft({ live: 'both' }), id: 'hub:own', publicKey: own.publicKey })
  await other.adopt(other.readOffer(registry.offer(), own.publicKeyBytes), { at: NOW })
  assert.equal(
    other.list().map(({ id, live }) => [id, live]),
    [
      ['hub:alice', undefined],
      ['hub:own', 'both'],
    ],
  )
})

test('another address is checked as a first one is, and the key is not changed that way', async () => {
  const registry = await open()
  await registry.add(draft())
  await refused('ERR_PEER_URL', registry.change('hub:alice', { url: 'ws://alice.example' }))
  await refused('ERR_PEER_URL', registry.change('hub:alice', { url: 'nonsense' }))
  await refused('ERR_PEER_UNKNOWN', registry.change('hub:bob', { live: 'both' }))
  const { peer, before } = await registry.change('hub:alice', { url: 'ws://alice.example', allowPlain: true })
  assert.equal([before.url, peer.url, peer.publicKey], ['wss://alice.example', 'ws://alice.example', alice.publicKey])
})

test('whoever follows the registry is told of each change, and of nothing else', async () => {
  const registry = await open()
  let told = 0
  const end = registry.subscribe(() => {
    told += 1
  })
  await registry.add(draft())
  await registry.add(draft())
  await registry.change('hub:alice', { live: 'off' })
  assert.is(told, 1)
  await registry.change('hub:alice', { live: 'pull' })
  await registry.remove('hub:alice', { heads: [], at: NOW })
  assert.is(told, 3)
  end()
  await registry.add(draft({ id: 'hub:bob', publicKey: bob.publicKey }))
  assert.is(told, 3)
})

test('a registry that is read again has what the records say; one that cannot be read stays as it was', async () => {
  const store = new MemoryStore()
  const [registry, other] = [await open(store), await open(store)]
  await other.add(draft({ live: 'both' }))
  assert.is(registry.verdict(alice.publicKeyBytes), 'unknown')
  await registry.reload()
  assert.equal([registry.verdict(alice.publicKeyBytes), registry.get('hub:alice')?.live], ['registered', 'both'])
  const key = `registry/${FRONTIER}/peer/${alice.publicKey}`
  const fields = { id: 'hub:alice', url: 'wss://alice.example', added_at: NOW, note: null }
  await store.records.write([{ key, value: encodeCbor({ ...fields, live: 'sideways' }) }])
  await refused('ERR_STORE_CORRUPT', registry.reload())
  assert.is(registry.get('hub:alice')?.live, 'both')
  await store.records.write([{ key, value: encodeCbor(fields) }])
  await registry.reload()
  assert.is(registry.get('hub:alice')?.live, undefined, 'a record of before there were links')
})

test.run()
