// Chains of own nodes: the calling thread and the signing thread make the same bytes, every
// verifier accepts them, and the end of a thread is an error.

import { setImmediate } from 'node:timers/promises' // timer: see untilThread
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ChainSigner, SignedNode } from '../../src/admission/own-node.ts'
import { equals, sha256, toHex } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import { verify } from '../../src/crypto/ed25519.ts'
import { Key } from '../../src/crypto/key.ts'
import { packBytes, packNodes, signChain, unpackBytes, unpackNodes } from '../../src/crypto/node-signer.ts'
import { type CheckedEvent, makeEvent } from '../../src/event/event.ts'
import { decodeNode, signingBytes } from '../../src/node/node.ts'
import { FRONTIER, NOW, seededKey } from '../admission/nodes.ts'

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
    if (last !== undefined && isFromThread(last)) return nodes
    const on = last === undefined ? { parents: [], height: 0 } : { parents: [last.digest], height: last.height + 1 }
    nodes.push(...(await signer.sign({ frontier: FRONTIER, ...on, events: events(600, nodes.length) })))
    await setImmediate() // timer: the message that the thread is ready arrives as an event
  }
}

/** A thread returns its nodes in one block. */
function isFromThread({ bytes }: { bytes: Uint8Array }): boolean {
  return bytes.buffer.byteLength > 100_000
}

test('a chain has the right nodes, whichever thread signed it', async () => {
  const signer = new ChainSigner(key)
  const nodes = await untilThread(signer)
  await signer.close()
  assert.not(isFromThread(nodes[0]!.candidate), 'the first are signed here')
  for (const [i, { candidate }] of nodes.entries()) {
    const node = decodeNode(candidate.bytes)
    assert.ok(equals(node.digest, candidate.digest) && equals(candidate.digest, sha256(candidate.bytes)))
    assert.equal(node.parents.map(toHex), i === 0 ? [] : [toHex(nodes[i - 1]!.candidate.digest)])
    assert.equal(candidate.parents.map(toHex), node.parents.map(toHex))
    assert.equal([candidate.height, node.height], [i, i])
    assert.ok(equals(candidate.key, key.publicKeyBytes) && equals(node.key, candidate.key))
    assert.ok(equals(candidate.event, sha256(node.event)))
    assert.ok(Buffer.from(node.event).includes(`"reason":"event ${i}"`))
    assert.ok(Buffer.from(node.event).includes(`"id":"vev_${toHex(candidate.label)}"`))
    if (i % 50 === 0) assert.ok(verify(node.key, signingBytes(node.body), node.sig))
  }
})

test('a node signed alone has the same bytes as in a chain', () => {
  const [event] = events(1)
  const fields = { frontier: FRONTIER, links: [], parents: [], height: 0 }
  const alone = SignedNode.make(key, { ...fields, event: event! })
  const [node] = unpackNodes(packNodes(signChain(key, fields, [event!.text])))
  assert.is(toHex(node!.bytes), toHex(alone.candidate.bytes))
  assert.is(toHex(node!.digest), toHex(alone.candidate.digest))
})

test('byte strings are the same after packing and unpacking, also without any', () => {
  const parts = [new Uint8Array(), Buffer.from('a'), new Uint8Array(), Buffer.from('bcd'), new Uint8Array()]
  assert.equal(
    unpackBytes(packBytes(parts)).map(part => Buffer.from(part).toString()),
    ['', 'a', '', 'bcd', ''],
  )
  assert.equal(unpackBytes(packBytes([])), [])
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
