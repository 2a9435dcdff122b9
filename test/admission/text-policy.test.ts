// Which texts the gate keeps: with all of them, with none, and after a change of the policy.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SignedNode } from '../../src/admission/own-node.ts'
import { TextPolicy } from '../../src/admission/text-policy.ts'
import { hasCode } from '../../src/base/errors.ts'
import { importEvent } from '../../src/event/event.ts'
import { eventText, FRONTIER, type Made, makeChain, makeNode, type Setting, seededKey, setting } from './nodes.ts'

const test = suite('admission/text-policy')

const alice = seededKey(2)

function bare(node: Made): Uint8Array {
  const text = eventText('link 0').length
  return node.bytes.subarray(0, node.bytes.length - text)
}

async function states({ log }: Setting): Promise<string[]> {
  const rows = await log.read(Array.from({ length: log.nodes }, (_, seq) => seq))
  return rows.map(({ text, bytes, headerBytes }) => `${text} ${bytes.length > headerBytes}`)
}

test('a header without its text is wanted, and the text is stored when it comes', async () => {
  await using at = await setting({ peers: [alice] })
  const [node] = makeChain(alice, 1)
  const from = alice.publicKeyBytes
  await at.gate.admit([bare(node!)], { from })
  assert.equal(await states(at), ['wanted false'])
  assert.is((await at.gate.admit([node!.bytes], { from })).texts, 1)
  assert.equal(await states(at), ['here true'])
})

test('a skeleton stores headers only, also of nodes that were held', async () => {
  await using at = await setting({ peers: [alice] })
  await at.policy.set('none')
  const [first, second, third] = makeChain(alice, 3)
  await at.admit([second!])
  const { bytes } = at.store.held.usage(FRONTIER)
  assert.ok(bytes < second!.bytes.length, 'a held node leaves its text out too')
  await at.admit([first!, third!])
  await at.gate.admit([third!.bytes], { from: alice.publicKeyBytes })
  assert.equal(await states(at), ['left-out false', 'left-out false', 'left-out false'])
  assert.is(at.log.texts()['left-out'], 3)
})

test('a skeleton keeps the texts of nodes that it makes, and those that it wants', async () => {
  await using at = await setting({ peers: [alice] })
  await at.policy.set('none')
  const node = makeNode(alice, 'by a peer')
  await at.admit([node])
  await at.log.setTexts([{ seq: 0, state: 'wanted' }])
  await at.admit([node])
  const event = importEvent(eventText('made here'))
  const own = SignedNode.make(at.own, { frontier: FRONTIER, parents: [node.digest], height: 1, links: [], event })
  await at.gate.admit([own], { from: at.own.publicKeyBytes })
  assert.equal(await states(at), ['here true', 'here true'])
})

test('the policy is a record of the store', async () => {
  await using at = await setting()
  await at.policy.set('none')
  assert.is((await TextPolicy.load(at.store.records, FRONTIER)).keeps, 'none')
  await at.policy.set('all')
  assert.is((await TextPolicy.load(at.store.records, FRONTIER)).keeps, 'all')
  await at.store.records.write([{ key: `texts/${FRONTIER}`, value: Buffer.from('some') }])
  try {
    await TextPolicy.load(at.store.records, FRONTIER)
    assert.unreachable()
  } catch (error) {
    assert.ok(hasCode(error, 'ERR_STORE_CORRUPT'))
  }
})

test.run()
