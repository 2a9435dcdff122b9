// Chains of own nodes: the calling thread and the signing thread make the same bytes, every
// verifier accepts them, and the end of a thread is an error.

import { setImmediate } from 'node:timers/promises' // timer: see untilThread
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ChainSigner, SignedNode } from '../../src/admission/own-node.ts'
import { concat, equals, sha256, toHex } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import { verify } from '../../src/crypto/ed25519.ts'
import { Key } from '../../src/crypto/key.ts'
import { packHeaders, packTexts, signChain, unpackHeaders, unpackTexts } from '../../src/crypto/node-signer.ts'
import { type CheckedEvent, makeEvent } from '../../src/event/event.ts'
import { decodeNode, signingBytes } from '../../src/node/node.ts'
import { FRONTIER, NOW, seededKey } from '../admission/nodes.ts'
import { referenceTo } from '../support/nodes.ts'

const test = suite('crypto/signed')
const key = seededKey(7)

function events(count: number, from = 0): CheckedEvent[] {
  return Array.from({ length: count }, (_, i) =>
    makeEvent({
      kind: 'finding.noted',
      target: { type: 'finding', id: 'vf_0000000000000001' },
      actor: { id: 'reviewer:test', type: 'human' },
      reason: `event ${from + i}`,
      timestamp: NOW,
    }),
  )
}

/**
 * Signs chains, each on top of the previous one, until a thread signs them. Returns all nodes in
 * order.
 */
async function untilThread(signer: ChainSigner): Promise<SignedNode[]> {
  const nodes: SignedNode[] = []
  for (;;) {
    const last = nodes.at(-1)?.candidate
    const { usesThread } = signer
    const on = last === undefined ? { parents: [], height: 0 } : { parents: [last.digest], height: last.height + 1 }
    nodes.push(...(await signer.sign({ frontier: FRONTIER, ...on, events: events(600, nodes.length) })))
    if (usesThread) return nodes
    await setImmediate() // timer: the message that the thread is ready arrives as an event
  }
}

test('a chain has the right nodes, whichever thread signed it', async () => {
  const signer = new ChainSigner(key)
  assert.not(signer.usesThread, 'the first are signed here')
  const nodes = await untilThread(signer)
  await signer.close()
  for (const [i, { candidate }] of nodes.entries()) {
    const node = decodeNode(candidate.bytes)
    assert.ok(equals(node.digest, candidate.digest) && equals(candidate.digest, sha256(node.header)))
    assert.is(candidate.headerBytes, node.header.length)
    assert.equal(node.parents.map(toHex), i === 0 ? [] : [toHex(nodes[i - 1]!.candidate.digest)])
    assert.equal(candidate.parents.map(toHex), node.parents.map(toHex))
    assert.equal([candidate.height, node.height], [i, i])
    assert.ok(equals(candidate.key, key.publicKeyBytes) && equals(node.key, candidate.key))
    assert.ok(equals(candidate.event, sha256(node.text!)) && equals(node.event, candidate.event))
    assert.ok(Buffer.from(node.text!).includes(`"reason":"event ${i}"`))
    assert.ok(Buffer.from(node.text!).includes(`"id":"vev_${toHex(candidate.label)}"`))
    if (i % 50 === 0) assert.ok(verify(node.key, signingBytes(node.body), node.sig))
  }
})

test('a node signed alone has the same bytes as in a chain', () => {
  const [event] = events(1)
  const fields = { frontier: FRONTIER, links: [], parents: [], height: 0 }
  const alone = SignedNode.make(key, { ...fields, event: event! })
  const texts = unpackTexts(packTexts([referenceTo(event!.text)]))
  const [node] = unpackHeaders(packHeaders(signChain(key, fields, texts)))
  assert.is(toHex(concat([node!.header, event!.text])), toHex(alone.candidate.bytes))
  assert.is(toHex(node!.digest), toHex(alone.candidate.digest))
})

test('texts and headers are the same after packing and unpacking, also without any', () => {
  const texts = ['a', 'bcd', ''].map(text => referenceTo(Buffer.from(text)))
  const plain = (list: readonly { size: number; event: Uint8Array; label: Uint8Array }[]) =>
    list.map(({ size, event, label }) => [size, toHex(event), toHex(label)])
  assert.equal(plain(unpackTexts(packTexts(texts))), plain(texts))
  assert.equal(unpackTexts(packTexts([])), [])
  assert.equal(unpackHeaders(packHeaders([])), [])
})

test('a node of another frontier is refused before it is judged', () => {
  const [event] = events(1)
  const node = SignedNode.make(key, { frontier: FRONTIER, links: [], parents: [], height: 0, event: event! })
  assert.ok('candidate' in node.examined(FRONTIER))
  const refusal = node.examined('vfr_ffffffffffffffff')
  assert.is('code' in refusal && refusal.code, 'ERR_NODE_FRONTIER')
})

test('a chain fails with a code if its thread ends', async () => {
  const signer = new ChainSigner(Key.generate())
  await untilThread(signer)
  const run = signer.sign({ frontier: FRONTIER, parents: [], height: 0, events: events(600) })
  await signer.close()
  await run.then(
    () => assert.unreachable('the thread had ended'),
    error => assert.ok(hasCode(error, 'ERR_INTERNAL')),
  )
})

test.run()
