// Makes protocol/vectors/dag.json: `node dist/test/graph/make-vectors.js >
// protocol/vectors/dag.json`. Expected results are written here and not computed by the code under
// test, which only signs nodes and offers.

import { compare, concat, toHex, utf8 } from '../../src/base/bytes.ts'
import { type CborValue, encodeCbor } from '../../src/cbor/dag-cbor.ts'
import type { Key } from '../../src/crypto/key.ts'
import { eventText, FRONTIER, type Made, makeChain, makeNode, seededKey } from '../admission/nodes.ts'

const [own, alice, bob, carol] = [seededKey(1), seededKey(2), seededKey(3), seededKey(4)]

interface Vector {
  name: string
  rule: string
  in: object
  ok?: unknown
  error?: string
}

const vectors: Vector[] = []
const accept = (rule: string, name: string, input: object, ok: unknown): void => {
  vectors.push({ name, rule, in: input, ok })
}
const refuse = (rule: string, name: string, input: object, error: string): void => {
  vectors.push({ name, rule, in: input, error })
}

// Closure and orders: sets as { id: parents }.
const diamond = { a: [], b: ['a'], c: ['a'], d: ['c', 'b'] }
accept('D1', 'nothing is missing', { op: 'missing', events: diamond }, [])
refuse('D1', 'a parent is absent', { op: 'missing', events: { b: ['a'] } }, 'ERR_EVENT_PARENT')
accept('D2', 'the closure within a pool', { op: 'closure', received: ['b'], pool: diamond }, ['a', 'b'])
accept('D2', 'of nothing', { op: 'closure', received: [], pool: diamond }, [])
refuse(
  'D2',
  'an ancestor outside of the pool',
  { op: 'closure', received: ['b'], pool: { b: ['a'] } },
  'ERR_EVENT_PARENT',
)
refuse('D2', 'a received id outside of the pool', { op: 'closure', received: ['x'], pool: diamond }, 'ERR_EVENT_PARENT')
accept('D3', 'the union is closed', { op: 'classify', ours: { a: [] }, incoming: { b: ['a'] } }, { kind: 'proceed' })
accept(
  'D3',
  'missing ancestors once each, by code point',
  { op: 'classify', ours: { x: ['😀'] }, incoming: { y: ['～', '😀'] } },
  { kind: 'fetch', missing: ['～', '😀'] },
)
refuse(
  'D3',
  'a fork with a blank reason, though nothing is missing',
  { op: 'classify', ours: {}, incoming: { a: [] }, reason: '' },
  'ERR_USAGE',
)
accept(
  'D4',
  'a fork on request',
  { op: 'classify', ours: {}, incoming: { b: ['a'] }, reason: 'the source is gone' },
  { kind: 'fork', triggering_missing: ['a'], reason: 'the source is gone' },
)
accept(
  'D4',
  'a fork where nothing is missing',
  { op: 'classify', ours: { a: [] }, incoming: { b: ['a'] }, reason: 'not needed' },
  { kind: 'proceed' },
)
refuse('D4', 'a fork without a reason', { op: 'classify', ours: {}, incoming: { b: ['a'] }, reason: ' ' }, 'ERR_USAGE')
refuse(
  'D4',
  'a fork with a reason of white space that is not ASCII',
  { op: 'classify', ours: {}, incoming: { b: ['a'] }, reason: '\u0085\u3000' },
  'ERR_USAGE',
)
accept(
  'D4',
  'a character that cannot be seen is no white space',
  { op: 'classify', ours: {}, incoming: { b: ['a'] }, reason: '\ufeff' },
  { kind: 'fork', triggering_missing: ['a'], reason: '\ufeff' },
)
const withParents = (parents: string): string =>
  `{"actor":{"id":"a","type":"human"},"kind":"finding.noted","payload":{"parents":${parents}},"reason":"r","target":{"id":"t","type":"finding"},"timestamp":"2026-06-01T00:00:00Z","before_hash":"sha256:null","after_hash":"sha256:null","id":"vev_0000000000000000"}`
accept('D5', 'strings of a list', { op: 'parents', event: withParents('["vev_1",7,null,{"x":1},"y"]') }, ['vev_1', 'y'])
accept('D5', 'no list', { op: 'parents', event: withParents('"vev_1"') }, [])
refuse(
  'D5',
  'a parent that is a string counts as missing',
  { op: 'parents', event: withParents('["vev_1"]'), closed: true },
  'ERR_EVENT_PARENT',
)
accept('D7', 'the least id among the ready ones', { op: 'order', events: { c: [], b: ['c'], a: ['b'], d: [] } }, [
  'c',
  'b',
  'a',
  'd',
])
accept('D7', 'a diamond', { op: 'order', events: diamond }, ['a', 'b', 'c', 'd'])
refuse('D7', 'a parent is missing', { op: 'order', events: { b: ['a'] } }, 'ERR_EVENT_PARENT')
refuse('D7', 'a circle', { op: 'order', events: { a: ['b'], b: ['a'] } }, 'ERR_EVENT_PARENT')

// Difference: nodes 0, 1, … with their parents; the sink by what it has and which heads it names.
const line = [[], [0], [1], [2], [3]]
accept(
  'D11',
  'a sink behind',
  { op: 'difference', parents: line, has: [0, 1, 2], heads: [2] },
  { sent: [3, 4], offered: 0 },
)
accept(
  'D11',
  'an empty sink',
  { op: 'difference', parents: line, has: [], heads: [] },
  { sent: [0, 1, 2, 3, 4], offered: 0 },
)
accept(
  'D11',
  'an old branch, merged late',
  { op: 'difference', parents: [[], [0], [0], [2], [3, 1]], has: [0, 2, 3], heads: [3] },
  { sent: [1, 4], offered: 0 },
)
accept(
  'D11',
  'a sink with a head unknown here',
  { op: 'difference', parents: line, has: [0, 1, 2], heads: [-1] },
  { sent: [3, 4], offered: 5 },
)
refuse(
  'D11',
  'an answer too short',
  { op: 'difference', parents: line, has: [], heads: [-1], answer: '' },
  'ERR_SYNC_FRAME',
)

// Registry: steps on an empty one, of which the last one counts.
const peer = (id: string, key: Key, more: object = {}): object => ({
  do: 'add',
  id,
  url: 'wss://peer.example',
  key: key.publicKey,
  ...more,
})
const registry = (...steps: object[]): object => ({
  op: 'registry',
  own: { id: 'hub:own', seed: '01'.repeat(32) },
  steps,
})
accept('D18', 'one’s own key is registered', registry({ do: 'verdict', key: own.publicKey }), 'registered')
accept('D18', 'any other key is not', registry({ do: 'verdict', key: alice.publicKey }), 'unknown')
refuse('D18', 'one’s own key can’t be a peer’s', registry(peer('hub:x', own)), 'ERR_PEER_EXISTS')
accept('D19', 'words with a plain space', registry(peer('Institut für Physik', alice)), 'added')
refuse('D19', 'blank', registry(peer('  ', alice)), 'ERR_PEER_ID')
refuse('D19', 'a bidi override', registry(peer('hub:\u202ex', alice)), 'ERR_PEER_ID')
refuse('D19', 'a line break in a note', registry(peer('hub:x', alice, { note: 'a\nb' })), 'ERR_PEER_ID')
accept('D20', 'wss', registry(peer('hub:x', alice, { url: 'wss://hub.example:444/x' })), 'added')
accept('D20', 'plain to this machine', registry(peer('hub:x', alice, { url: 'ws://127.0.0.1:4000' })), 'added')
refuse('D20', 'plain to another machine', registry(peer('hub:x', alice, { url: 'ws://hub.example' })), 'ERR_PEER_URL')
refuse('D20', 'a password', registry(peer('hub:x', alice, { url: 'wss://u:p@hub.example' })), 'ERR_PEER_URL')
refuse('D20', 'a backslash', registry(peer('hub:x', alice, { url: 'https:\\\\hub.example' })), 'ERR_PEER_URL')
accept('D21', 'a key in capitals', registry(peer('hub:x', alice, { key: alice.publicKey.toUpperCase() })), 'added')
refuse('D21', 'a key of small order', registry(peer('hub:x', alice, { key: '00'.repeat(32) })), 'ERR_KEY')
refuse('D21', 'a digit short', registry(peer('hub:x', alice, { key: alice.publicKey.slice(1) })), 'ERR_KEY')
accept('D22', 'the same again', registry(peer('hub:x', alice), peer('hub:x', alice)), 'same')
refuse('D22', 'a second id for a key', registry(peer('hub:x', alice), peer('hub:y', alice)), 'ERR_PEER_EXISTS')
refuse(
  'D22',
  'another URL',
  registry(peer('hub:x', alice), peer('hub:x', alice, { url: 'wss://y.example' })),
  'ERR_PEER_EXISTS',
)
const rotate = (key: Key): object => ({ do: 'rotate', id: 'hub:x', key: key.publicKey, heads: [] })
accept(
  'D23',
  'a rotation cuts the old key',
  registry(peer('hub:x', alice), rotate(bob), { do: 'verdict', key: alice.publicKey }),
  'cut',
)
accept(
  'D23',
  'a rotation takes the new key',
  registry(peer('hub:x', alice), rotate(bob), { do: 'verdict', key: bob.publicKey }),
  'registered',
)
refuse(
  'D23',
  'another key without a rotation',
  registry(peer('hub:x', alice), peer('hub:x', bob)),
  'ERR_PEER_KEY_CHANGED',
)
const removal = { do: 'remove', id: 'hub:x', heads: [] }
accept(
  'D24',
  'a removed key is cut',
  registry(peer('hub:x', alice), removal, { do: 'verdict', key: alice.publicKey }),
  'cut',
)
accept(
  'D24',
  'adding the key lifts the cut',
  registry(peer('hub:x', alice), removal, peer('hub:x', alice), { do: 'verdict', key: alice.publicKey }),
  'registered',
)
refuse('D24', 'nobody to remove', registry(removal), 'ERR_PEER_UNKNOWN')

// Offers, read by somebody who expects the hub of seed 01….
const item = (id: string, key: Key, url = ''): CborValue => [id, url, key.publicKeyBytes]
const head = makeNode(alice, 'head').digest
const body = {
  v: 1,
  frontier: FRONTIER,
  hub: item('hub:own', own, 'wss://own.example'),
  peers: [item('a', alice), item('b', bob)],
  cuts: [['c', carol.publicKeyBytes, head]] as CborValue,
}
const offer = (value: CborValue, key = own): object => {
  const bytes = encodeCbor(value)
  const sig = key.sign(concat([utf8('replica/registry/1\n'), bytes]))
  return { op: 'offer', frontier: FRONTIER, hub: own.publicKey, offer: toHex(encodeCbor({ body: bytes, sig })) }
}
accept('D26', 'peers and a cut', offer(body), { peers: ['a', 'b'], cuts: [[carol.publicKey, [toHex(head)]]] })
refuse('D26', 'signed by another', offer(body, bob), 'ERR_REGISTRY')
refuse('D26', 'another frontier', offer({ ...body, frontier: 'vfr_ffffffffffffffff' }), 'ERR_REGISTRY')
refuse('D26', 'peers out of order', offer({ ...body, peers: [item('b', bob), item('a', alice)] }), 'ERR_REGISTRY')
refuse('D26', 'a key twice', offer({ ...body, peers: [item('a', alice), item('b', alice)] }), 'ERR_REGISTRY')
refuse(
  'D26',
  'heads that are no digests',
  offer({ ...body, cuts: [['c', carol.publicKeyBytes, head.subarray(1)]] }),
  'ERR_REGISTRY',
)

// The gate: alice is registered, carol is cut at `cut` when given; calls of blocks; what became of
// the last block.
const hex = (node: { bytes: Uint8Array }): string => toHex(node.bytes)
/** A node without its text. */
function headerOf({ bytes, headerBytes }: Made): { bytes: Uint8Array } {
  return { bytes: bytes.subarray(0, headerBytes) }
}

const admit = (calls: { bytes: Uint8Array }[][], cut?: { digest: Uint8Array }[]): object => ({
  op: 'admit',
  frontier: FRONTIER,
  registered: [alice.publicKey],
  ...(cut === undefined ? {} : { cut: { key: carol.publicKey, heads: cut.map(node => toHex(node.digest)) } }),
  calls: calls.map(call => call.map(hex)),
})
const [root, child, grandchild] = makeChain(alice, 3) as [
  ReturnType<typeof makeNode>,
  ReturnType<typeof makeNode>,
  ReturnType<typeof makeNode>,
]
accept('D29', 'a node of this frontier', admit([[root]]), { nodes: 1, last: 'admitted' })
refuse(
  'D29',
  'a node of another frontier',
  admit([[makeNode(alice, 'x', [], { frontier: 'vfr_ffffffffffffffff' })]]),
  'ERR_NODE_FRONTIER',
)
const wrongId = utf8(new TextDecoder().decode(eventText('x')).replace(/vev_[0-9a-f]{16}/, 'vev_0123456789abcdef'))
const forged = makeNode(alice, 'x')
const other = concat([forged.bytes.subarray(0, forged.headerBytes), eventText('y')])
refuse('D29', 'another text of the same size', admit([[{ ...forged, bytes: other }]]), 'ERR_NODE_TEXT')
const invalid = makeNode(alice, 'x', [], { event: wrongId })
accept('D41', 'a text under a wrong id is void', admit([[invalid]]), { nodes: 1, last: 'admitted', void: 1 })
const bare = { ...invalid, bytes: invalid.bytes.subarray(0, invalid.headerBytes) }
accept('D41', 'its header alone', admit([[bare]]), { nodes: 1, last: 'admitted', wanted: 1 })
refuse(
  'D41',
  'a header whose signature is not valid',
  admit([[headerOf(makeNode(alice, 'x', [], { sig: new Uint8Array(64) }))]]),
  'ERR_NODE_SIGNATURE',
)
accept('D30', 'a valid signature', admit([[root, child]]), { nodes: 2, last: 'admitted' })
refuse('D30', 'an invalid one', admit([[makeNode(alice, 'x', [], { sig: new Uint8Array(64) })]]), 'ERR_NODE_SIGNATURE')
refuse(
  'D30',
  'an invalid one on a node that would be held',
  admit([[makeNode(bob, 'x', [child], { sig: new Uint8Array(64) })]]),
  'ERR_NODE_SIGNATURE',
)
const stranger = makeNode(bob, 'by a stranger', [root])
accept('D31', 'an unregistered key', admit([[root, stranger]]), { nodes: 1, last: `key ${bob.publicKey}` })
accept('D31', 'the key counts before the parents', admit([[stranger]]), { nodes: 0, last: `key ${bob.publicKey}` })
refuse(
  'D31',
  'a registered key is judged at once',
  admit([[root, makeNode(alice, 'x', [root], { height: 7 })]]),
  'ERR_NODE_HEIGHT',
)
const below = makeNode(carol, 'below', [root])
const joint = makeNode(alice, 'joint', [below])
const above = makeNode(carol, 'above', [joint])
const past = makeNode(alice, 'past', [root])
accept('D32', 'not to be told yet', admit([[root, below]], [joint]), { nodes: 1, last: `cut ${toHex(joint.digest)}` })
accept('D32', 'a head shows the way down', admit([[root, below], [joint]], [joint]), { nodes: 3, last: 'admitted' })
accept('D32', 'the head itself is by the cut key', admit([[root, below]], [below]), { nodes: 2, last: 'admitted' })
refuse('D32', 'above the cut', admit([[root, below, joint, above]], [joint]), 'ERR_NODE_REVOKED')
refuse('D32', 'beside the cut', admit([[root, past, below]], [past]), 'ERR_NODE_REVOKED')
accept('D33', 'a missing parent', admit([[grandchild]]), { nodes: 0, last: `parent ${toHex(child.digest)}` })
accept('D33', 'children before parents', admit([[grandchild, child, root]]), { nodes: 3, last: 'admitted' })
const first = [root, past].sort((a, b) => compare(a.digest, b.digest))[0]!
accept('D33', 'the first of two missing parents', admit([[makeNode(alice, 'merge', [root, past])]]), {
  nodes: 0,
  last: `parent ${toHex(first.digest)}`,
})
refuse(
  'D33',
  'judged again when the parent comes',
  admit([[makeNode(alice, 'liar', [root], { height: 9 })], [root]]),
  'ERR_NODE_HEIGHT',
)
accept('D34', 'one more than the highest parent', admit([[root, child, makeNode(alice, 'x', [root, child])]]), {
  nodes: 3,
  last: 'admitted',
})
refuse(
  'D34',
  'one more than the lowest parent',
  admit([[root, child, makeNode(alice, 'x', [root, child], { height: 1 })]]),
  'ERR_NODE_HEIGHT',
)
const links = [{ codec: 'raw' as const, digest: head }]
accept('D35', 'a document', admit([[makeNode(alice, 'x', [], { links })]]), {
  nodes: 0,
  last: `document ${toHex(head)}`,
})
refuse(
  'D35',
  'a document and a wrong height',
  admit([[root, makeNode(alice, 'x', [root], { links, height: 2 })]]),
  'ERR_NODE_HEIGHT',
)
const bad = makeNode(alice, 'bad', [], { sig: new Uint8Array(64) })
accept('D39', 'the child of a refused node', admit([[bad, makeNode(alice, 'x', [bad])]]), {
  nodes: 0,
  last: `parent ${toHex(bad.digest)}`,
})
refuse('D39', 'the refused node itself', admit([[root, bad]]), 'ERR_NODE_SIGNATURE')

process.stdout.write(`[\n${vectors.map(vector => `  ${JSON.stringify(vector)}`).join(',\n')}\n]\n`)
