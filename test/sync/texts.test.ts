// Replicas that keep different texts: their logs of headers are equal, and texts are where they should be.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { equals, toHex } from '../../src/base/bytes.ts'
import { decodeNode } from '../../src/node/node.ts'
import { TextRequests } from '../../src/replica/sync/text-requests.ts'
import { carrier, chain, circle, FRONTIER, type Local, logOf, plant } from './local.ts'
import { meet, Tape } from './meeting.ts'

const test = suite('sync/texts')

async function headers(at: Local): Promise<string[]> {
  const lines: string[] = []
  for await (const rows of logOf(at).scan({ from: 0 })) {
    for (const { bytes, headerBytes } of rows) lines.push(toHex(bytes.subarray(0, headerBytes)))
  }
  return lines.sort()
}

async function met(client: Local, hub: Local): Promise<void> {
  const { errors } = await meet({ client, hub, mode: 'both' })
  assert.equal(errors, [])
}

async function skeletonAndHubs(): Promise<{ skeleton: Local; one: Local; two: Local }> {
  const [skeleton, one, two] = await circle('skeleton', 'one', 'two')
  await skeleton!.context.frontier(FRONTIER).policy.set('none')
  return { skeleton: skeleton!, one: one!, two: two! }
}

test('one skeleton among three hubs: equal headers everywhere, all texts at the others', async () => {
  const { skeleton, one, two } = await skeletonAndHubs()
  await plant(one, chain(one.key, 'by one', 20))
  await met(skeleton, one)
  await met(two, skeleton)
  assert.equal(logOf(two).texts(), { here: 0, wanted: 20, 'left-out': 0, erased: 0, void: 0 })
  await plant(two, chain(two.key, 'by two', 5))
  await met(skeleton, two)
  await met(two, one)
  await met(one, skeleton)
  for (const at of [skeleton, two]) assert.equal(await headers(at), await headers(one))
  for (const at of [one, two]) assert.is(logOf(at).texts().here, 25)
  assert.is(logOf(skeleton).texts()['left-out'], 25)
})

test('a source sends a skeleton headers only', async () => {
  const { skeleton, one } = await skeletonAndHubs()
  const nodes = chain(one.key, 'event', 3)
  await plant(one, nodes)
  const tape = new Tape()
  await meet({ client: skeleton, hub: one, mode: 'pull', fate: tape.fate })
  const headerBytes = (await headers(one)).reduce((sum, hex) => sum + hex.length / 2, 0)
  assert.is(tape.nodeBytes, headerBytes)
})

test('a source sends a skeleton the texts of erasures, which say what is erased', async () => {
  const { skeleton, one } = await skeletonAndHubs()
  const [node] = chain(one.key, 'event', 1)
  const { event } = decodeNode(node!.bytes)
  const target = { type: 'event', id: 'vev_0123456789abcdef' }
  const payload = { event: `sha256:${toHex(event)}`, reason: 'a mistake' }
  const erasure = carrier(one.key, { kind: 'frontier.text_erased', reason: '', target, payload }, [node!])
  await plant(one, [node!, erasure])
  await met(skeleton, one)
  assert.is(logOf(skeleton).texts().here, 1)
})

test('a text that nobody has ends no session, and is not requested again at once', async () => {
  const { skeleton, one, two } = await skeletonAndHubs()
  await plant(one, chain(one.key, 'event', 3))
  await met(skeleton, one)
  await met(two, skeleton)
  const tape = new Tape()
  await meet({ client: two, hub: skeleton, mode: 'pull', fate: tape.fate })
  assert.is(tape.count('texts'), 0)
  assert.is(logOf(two).texts().wanted, 3)
})

test('texts are requested oldest first, with a delay for each peer that doubles', async () => {
  const { one, two } = await skeletonAndHubs()
  await plant(one, chain(one.key, 'event', 3))
  const log = logOf(one)
  await log.setTexts([0, 2].map(seq => ({ seq, state: 'wanted' })))
  const requests = new TextRequests(log)
  const [first, , third] = (await log.read([0, 1, 2])).map(({ digest }) => digest)
  const due = await requests.next(two.key.publicKeyBytes, 0)
  assert.ok(due.length === 2 && equals(due[0]!, first!) && equals(due[1]!, third!))
  const counts: number[] = []
  for (const at of [29_999, 30_000, 89_999, 90_000])
    counts.push((await requests.next(two.key.publicKeyBytes, at)).length)
  assert.equal(counts, [0, 2, 0, 2])
  assert.is((await requests.next(one.key.publicKeyBytes, 0)).length, 2)
  requests.reset()
  assert.is((await requests.next(two.key.publicKeyBytes, 0)).length, 2)
})

test.run()
