// Erasing through the API: who may erase, what stays, and what replay and peers see of it.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../src/base/errors.ts'
import { Replica } from '../../src/replica/replica.ts'
import { scratch } from '../shared-data.ts'

const test = suite('replica/erase')

function noted(reason: string) {
  return { kind: 'finding.noted', target: { type: 'finding', id: 'vf_1' }, actor: { id: 'reviewer:a' }, reason }
}

async function refused(call: () => Promise<unknown>, code: 'ERR_USAGE' | 'ERR_NOT_FOUND', message: RegExp) {
  try {
    await call()
  } catch (error) {
    if (!hasCode(error, code)) throw error
    assert.match(error.message, message)
    return
  }
  assert.unreachable('it was not refused')
}

test('an erased text is gone after the store is opened again, and the node says by whom and why', async () => {
  await using folder = await scratch()
  const location = folder.join('store')
  let frontier: string
  let cid: string
  {
    await using replica = await Replica.open({ location, create: true })
    frontier = (await replica.createFrontier({ name: 'One' })).frontier
    const secret = await replica.append(frontier, noted('a secret'))
    cid = secret.cid
    const report = await replica.erase(frontier, secret.event, { reason: 'consent withdrawn' })
    assert.equal([report.nodes, report.kept, report.event], [[cid], [], secret.event])
    assert.ok((await replica.verify({ erased: true })).ok)
  }
  await using replica = await Replica.open({ location })
  const [node] = await replica.get(cid)
  assert.equal([node!.text, node!.event], ['erased', undefined])
  const [erasure, ...more] = await replica.erasures(frontier, cid)
  assert.equal([erasure!.key, erasure!.reason, more], [replica.key.publicKey, 'consent withdrawn', []])
  const report = await replica.verify({ erased: true, signatures: true })
  assert.equal([report.ok, report.searched, report.faults], [true, 1, []])
})

test('an event that was appended again after its erasure stays erased', async () => {
  await using folder = await scratch()
  await using replica = await Replica.open({ location: folder.join('store'), create: true })
  const { frontier } = await replica.createFrontier({ name: 'One' })
  const draft = { ...noted('a secret'), timestamp: '2026-06-01T00:00:00Z' }
  const { cid } = await replica.append(frontier, draft)
  await replica.erase(frontier, cid, { reason: 'x' })
  const again = await replica.append(frontier, draft)
  assert.equal([again.known, again.cid], [true, cid])
  assert.is((await replica.get(cid))[0]!.text, 'erased')
})

test('an erasure needs a reason, a text that is stored, and one that is not an erasure', async () => {
  await using folder = await scratch()
  await using replica = await Replica.open({ location: folder.join('store'), create: true })
  const { frontier, event } = await replica.createFrontier({ name: 'One' })
  await refused(() => replica.erase(frontier, event, { reason: ' ' }), 'ERR_USAGE', /reason/)
  await refused(() => replica.erase(frontier, 'vev_0123456789abcdef', { reason: 'x' }), 'ERR_NOT_FOUND', /vev_/)
  const secret = await replica.append(frontier, noted('a secret'))
  const { cid } = await replica.erase(frontier, secret.cid, { reason: 'x' })
  await refused(() => replica.erase(frontier, cid!, { reason: 'x' }), 'ERR_USAGE', /of an erasure/)
  await refused(() => replica.erase(frontier, cid!, { reason: 'x', local: true }), 'ERR_USAGE', /of an erasure/)
})

test('a text that is deleted here is in the journal, and no node says so to peers', async () => {
  await using folder = await scratch()
  await using replica = await Replica.open({ location: folder.join('store'), create: true })
  const { frontier } = await replica.createFrontier({ name: 'One' })
  const { cid, event } = await replica.append(frontier, noted('a secret'))
  const before = replica.headsDigest(frontier)
  await replica.erase(frontier, event, { reason: 'no space', local: true })
  assert.is(replica.headsDigest(frontier), before)
  assert.is((await replica.get(cid))[0]!.text, 'left-out')
  const entries = await replica.journal(frontier, { limit: 10 })
  assert.equal(
    entries.filter(({ kind }) => kind === 'text.erased_locally').map(({ facts }) => [facts.event, facts.reason]),
    [[event, 'no space']],
  )
})

test.run()
