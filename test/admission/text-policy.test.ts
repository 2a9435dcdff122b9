// Which texts the gate keeps: with all of them, with none, and after a change of the policy.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Candidate, examine } from '../../src/admission/candidate.ts'
import { SignedNode } from '../../src/admission/own-node.ts'
import { TextPolicy } from '../../src/admission/text-policy.ts'
import { HashedBlock } from '../../src/base/bytes.ts'
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

test('a replica with a filter keeps what matches, and believes a source only about texts that it leaves out', async () => {
  await using at = await setting({ peers: [alice] })
  const [first, second, third, fourth] = makeChain(alice, 4)
  const { kind, target } = JSON.parse(Buffer.from(eventText('link 0')).toString())
  const from = alice.publicKeyBytes
  await at.policy.set({ kinds: ['other', kind], targets: [target.id], since: '2000-01-01T00:00:00Z' })
  await at.gate.admit([first!.bytes, bare(second!)], { from })
  await at.policy.set({ kinds: ['other'] })
  const aside = Buffer.concat([bare(third!), Uint8Array.of(0)])
  await at.gate.admit([aside, fourth!.bytes], { from })
  assert.equal(await states(at), ['here true', 'wanted false', 'left-out false', 'left-out false'])
  await at.gate.admit([second!.bytes], { from })
  assert.equal((await states(at))[1], 'left-out false')
})

test('a full replica wants a text that a source keeps back', async () => {
  await using at = await setting({ peers: [alice] })
  const [node] = makeChain(alice, 1)
  await at.gate.admit([Buffer.concat([bare(node!), Uint8Array.of(0)])], { from: alice.publicKeyBytes })
  assert.equal(await states(at), ['wanted false'])
})

test('an event matches a filter by time, kind and target', async () => {
  await using at = await setting({ peers: [alice] })
  const [node] = makeChain(alice, 1)
  const { kind, target, timestamp } = JSON.parse(Buffer.from(eventText('link 0')).toString())
  const later = new Date(Date.parse(timestamp) + 1).toISOString()
  for (const [filter, isKept] of [
    [{ since: timestamp }, true],
    [{ since: later }, false],
    [{ kinds: [kind] }, true],
    [{ kinds: ['x'] }, false],
    [{ targets: ['x', target.id] }, true],
    [{ targets: [target.type] }, false],
    [{ kinds: [kind], since: later }, false],
  ] as const) {
    await at.policy.set(filter)
    const item = { ...decodeItem(node!.bytes) }
    assert.is(at.policy.apply(item).text === 'here', isKept, JSON.stringify(filter))
  }
})

test('a filter survives a reload, and a malformed one changes nothing', async () => {
  await using at = await setting({})
  const filter = { targets: ['vf_1'], since: '2026-01-01T00:00:00Z' }
  await at.policy.set(filter)
  for (const [bad, code] of [
    [{}, 'ERR_USAGE'],
    [{ kinds: [] }, 'ERR_USAGE'],
    [{ before: 'x' }, 'ERR_USAGE'],
    [{ since: 'yesterday' }, 'ERR_INSTANT'],
  ] as const) {
    await at.policy.set(bad as { since: string }).then(
      () => assert.unreachable(JSON.stringify(bad)),
      error => assert.ok(hasCode(error, code)),
    )
  }
  assert.equal((await TextPolicy.load(at.store.records, FRONTIER)).keeps, filter)
})

function decodeItem(bytes: Uint8Array): Candidate {
  const result = examine(new HashedBlock(bytes), FRONTIER)
  if (!('candidate' in result)) throw new TypeError(result.code)
  return result.candidate
}

test.run()
