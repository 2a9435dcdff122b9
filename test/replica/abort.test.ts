// Aborting: each long call rejects with ERR_ABORTED, and the signal's reason is its cause.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ReplicaError } from '../../src/base/errors.ts'
import { fetchPeerFrontier } from '../../src/projection/fetch-frontier.ts'
import { draft, FRONTIER, pair, texts } from './drafts.ts'

const test = suite('replica/abort')

const reason = new Error('enough')
const signal = AbortSignal.abort(reason)

async function isAborted(name: string, call: Promise<unknown>): Promise<void> {
  const error = await call.then(
    () => undefined,
    (failure: unknown) => failure,
  )
  assert.instance(error, ReplicaError, name)
  assert.is((error as ReplicaError).code, 'ERR_ABORTED', name)
  assert.is((error as ReplicaError).cause, reason, name)
}

async function drained(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

test('a call with an aborted signal rejects with its reason as cause', async () => {
  await using both = await pair()
  const { laptop } = both
  await laptop.append(FRONTIER, draft('one'))
  await isAborted('push', laptop.push(FRONTIER, 'hub:main', { signal }))
  await isAborted('pull', laptop.pull(FRONTIER, 'hub:main', { signal }))
  await isAborted('sync', laptop.sync(FRONTIER, 'hub:main', { signal }))
  await isAborted('adopt', laptop.adopt(FRONTIER, 'hub:main', { signal }))
  const log = () => texts(draft('two'))
  await isAborted('import', laptop.import(FRONTIER, log, { signal }))
  await isAborted('strict import', laptop.import(FRONTIER, log, { signal, strict: true }))
  await isAborted('import elsewhere', laptop.import('vfr_0000000000000001', log, { signal }))
  await isAborted('verify', laptop.verify({ signal }))
  await isAborted('nodes', drained(laptop.nodes(FRONTIER, { signal })))
  await isAborted('events', drained(laptop.events(FRONTIER, { signal })))
  await isAborted('fetch', fetchPeerFrontier({ url: 'http://127.0.0.1:9', publicKey: undefined }, FRONTIER, { signal }))
})

test('a session that is aborted while it runs rejects with the reason as cause', async () => {
  await using both = await pair()
  const { laptop } = both
  await laptop.import(FRONTIER, () => texts(...Array.from({ length: 2000 }, (_, i) => draft(`${i}`))))
  const controller = new AbortController()
  const onProgress = (): void => controller.abort(reason)
  await isAborted('push', laptop.push(FRONTIER, 'hub:main', { signal: controller.signal, onProgress }))
})

test.run()
