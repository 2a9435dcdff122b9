// A replica's key: it changes only on request, and a crash leaves either the old or the new one.

import * as fs from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../src/base/errors.ts'
import { Hub } from '../../src/hub/hub.ts'
import { Key, Replica } from '../../src/index.ts'
import { openLevelDb } from '../../src/store/index.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { scratch } from '../shared-data.ts'
import { codeOf, draft, FRONTIER, introduce, NOW, reasons } from './drafts.ts'

const test = suite('replica/identity')

/** Makes a closed store with one event; returns its public key. */
async function made(location: string): Promise<string> {
  await using replica = await Replica.open({ location, create: true })
  await replica.track(FRONTIER)
  await replica.append(FRONTIER, draft('by the first key'))
  return replica.key.publicKey
}

/** Opens the replica and returns its public key. */
async function keyIn(location: string): Promise<string> {
  await using replica = await Replica.open({ location })
  return replica.key.publicKey
}

async function flipDigit(file: string): Promise<void> {
  const text = await fs.readFile(file, 'latin1')
  await fs.writeFile(file, (text.startsWith('0') ? '1' : '0') + text.slice(1))
}

test('a key file with a wrong digit is refused, and its backup restores it', async () => {
  await using dir = await scratch()
  const location = dir.join('store')
  const publicKey = await made(location)
  await fs.copyFile(`${location}/key`, dir.join('copy'))
  await flipDigit(`${location}/key`)
  let refused: unknown
  await Replica.open({ location }).catch(error => {
    refused = error
  })
  assert.ok(hasCode(refused, 'ERR_KEY_FILE'))
  assert.match(refused.message, publicKey)
  assert.match(String(refused.facts.hint), 'replica keys use')
  await fs.copyFile(dir.join('copy'), `${location}/key`)
  assert.is(await keyIn(location), publicKey)
})

test('a store without a recorded key records it when it is opened', async () => {
  await using dir = await scratch()
  const location = dir.join('store')
  const publicKey = await made(location)
  const store = await openLevelDb(location)
  await store.records.write([
    { key: 'self/public-key', value: undefined },
    { key: 'self/former-keys', value: undefined },
  ])
  await store.close()
  assert.is(await keyIn(location), publicKey)
  await flipDigit(`${location}/key`)
  assert.is(await codeOf(Replica.open({ location })), 'ERR_KEY_FILE')
})

test('a given key replaces the present one, which becomes a former key', async () => {
  await using dir = await scratch()
  const location = dir.join('store')
  const first = await made(location)
  const key = Key.generate()
  {
    await using replica = await Replica.open({ location, useKey: key })
    assert.is(replica.key.publicKey, key.publicKey)
    await replica.append(FRONTIER, draft('by the second key'))
    const [entry] = await replica.journal(FRONTIER, { limit: 1 })
    assert.is(entry!.kind, 'key.rotated')
    assert.is(JSON.stringify(entry!.facts), JSON.stringify({ former: first, public_key: key.publicKey }))
    assert.ok((await replica.verify({ signatures: true })).ok)
  }
  assert.is(await keyIn(location), key.publicKey)
  const former = await Key.load(`${location}/key.${first.slice(0, 8)}.former`)
  for (const useKey of [former, key, former]) await (await Replica.open({ location, useKey })).close()
  assert.is(await keyIn(location), first)
  await using replica = await Replica.open({ location })
  assert.equal(await reasons(replica), ['by the first key', 'by the second key'])
})

test('a given key opens a store whose key file is lost or damaged', async () => {
  await using dir = await scratch()
  const location = dir.join('store')
  await made(location)
  const copy = await Key.load(`${location}/key`)
  await fs.writeFile(`${location}/key`, 'no key')
  assert.is(await codeOf(Replica.open({ location })), 'ERR_KEY_FILE')
  await (await Replica.open({ location, useKey: copy })).close()
  assert.is(await fs.readFile(`${location}/key.unreadable`, 'utf8'), 'no key')
  await fs.rm(`${location}/key`)
  assert.is(await codeOf(Replica.open({ location })), 'ERR_KEY_FILE')
  await using replica = await Replica.open({ location, useKey: copy })
  assert.equal(await replica.journal(FRONTIER, { limit: 1 }), [])
  assert.is(replica.key.publicKey, copy.publicKey)
})

test('a rotation that a crash interrupted is finished at the next opening, or did not begin', async () => {
  await using dir = await scratch()
  const location = dir.join('store')
  const first = await made(location)
  await fs.copyFile(`${location}/key`, dir.join('copy'))
  const key = Key.generate()
  await key.save(`${location}/key.new`)
  assert.is(await keyIn(location), first, 'the store has not heard of the new key')
  await (await Replica.open({ location, useKey: key })).close()
  // The state between the record in the store and the move of the file.
  await fs.rename(`${location}/key`, `${location}/key.new`)
  await fs.copyFile(dir.join('copy'), `${location}/key`)
  assert.is(await keyIn(location), key.publicKey)
  assert.is((await Key.load(`${location}/key`)).publicKey, key.publicKey)
})

test('a clone with the key and the id of a lost replica is that replica for its peers', async () => {
  await using dir = await scratch()
  await using hub = await Hub.listen({ location: new MemoryStore(), port: 0, hubId: 'hub:main', clock: () => NOW })
  await using laptop = await Replica.open({ location: new MemoryStore(), hubId: 'hub:laptop', clock: () => NOW })
  await introduce(hub, laptop)
  await laptop.append(FRONTIER, draft('before the disk died'))
  await laptop.push(FRONTIER, 'hub:main')
  const options = {
    location: dir.join('store'),
    key: hub.replica.key.publicKey,
    ownKey: laptop.key,
    hubId: laptop.hubId,
  }
  const { replica, report } = await Replica.clone(hub.url, options)
  await using again = replica
  assert.equal([report.admitted, report.heldCount], [1, 0])
  await again.append(FRONTIER, draft('after it'))
  assert.is((await again.push(FRONTIER, 'hub:main')).admitted, 1)
})

test.run()
