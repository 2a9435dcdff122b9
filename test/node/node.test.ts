// Encoder and decoder of nodes: round trips, every single-byte change, views, limits, refused
// fields. Single cases: protocol/vectors/node.json, run by vectors.test.ts.

import * as fs from 'node:fs'
import * as path from 'node:path'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compare, type Digest, equals, sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { isFrontierId } from '../../src/base/frontier-id.ts'
import { NODE_LIMITS, nodeBytesMax, nodeHeaderBytesMax } from '../../src/base/limits.ts'
import {
  compareLinks,
  type DocumentLink,
  decodeHeader,
  decodeNode,
  encodeBody,
  encodeHeader,
  encodeItem,
  NODE_DOMAIN,
  type NodeFields,
  signingBytes,
} from '../../src/node/node.ts'
import { repository } from '../shared-data.ts'
import { codeOf, hex, isTypeError, libraryAgrees } from './referee.ts'

const test = suite('node/node')

const sig = Uint8Array.from({ length: 64 }, (_, i) => 255 - i)
const digestOf = (name: string): Digest => sha256(utf8(name))
const root: NodeFields = {
  key: digestOf('key'),
  size: 12,
  event: digestOf('text'),
  label: digestOf('label').subarray(0, 8),
  links: [],
  height: 0,
  parents: [],
  frontier: 'vfr_228826dc9ec1a4fb',
}
const parents = [digestOf('one'), digestOf('two')].sort(compare)
const links: DocumentLink[] = [
  { codec: 'raw', digest: digestOf('document') },
  { codec: 'dag-cbor', digest: digestOf('chunks') },
]
const full: NodeFields = { ...root, links, height: 7, parents }

const digests = fc.uint8Array({ minLength: 32, maxLength: 32 })
const same = { comparator: (a: Digest, b: Digest) => equals(a, b) }
const anyFields: fc.Arbitrary<NodeFields> = fc
  .record({
    key: digests,
    size: fc.integer({ min: 0, max: NODE_LIMITS.eventBytesMax }),
    event: digests,
    label: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    raw: fc.uniqueArray(digests, { ...same, maxLength: 3 }),
    lists: fc.uniqueArray(digests, { ...same, maxLength: 3 }),
    parents: fc.uniqueArray(digests, { ...same, maxLength: 30 }),
    height: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    frontier: fc.stringMatching(/^vfr_[0-9a-f]{16}$/),
  })
  .map(({ key, size, event, label, raw, lists, parents, height, frontier }) => ({
    key,
    size,
    event,
    label,
    links: [
      ...raw.sort(compare).map((digest): DocumentLink => ({ codec: 'raw', digest })),
      ...lists.sort(compare).map((digest): DocumentLink => ({ codec: 'dag-cbor', digest })),
    ],
    height: parents.length === 0 ? 0 : height,
    parents: parents.sort(compare),
    frontier,
  }))

/** What the encoder was given, in a form that compares. */
function plain({ key, size, event, label, links, height, parents, frontier }: NodeFields): unknown {
  const named = links.map(({ codec, digest }) => `${codec} ${toHex(digest)}`)
  const bytes = { key: toHex(key), event: toHex(event), label: toHex(label) }
  return { ...bytes, size, links: named, height, parents: parents.map(toHex), frontier }
}

test('fields decode as they were encoded, and the library encodes them to the same bytes', () => {
  fc.assert(
    fc.property(anyFields, fields => {
      const body = encodeBody(fields)
      const bytes = encodeHeader(body, sig)
      const node = decodeHeader(bytes)
      assert.equal(plain(node), plain(fields))
      assert.ok(equals(node.body, body) && equals(node.sig, sig))
      assert.ok(equals(node.digest, sha256(bytes)))
      assert.ok(libraryAgrees(bytes))
    }),
    { numRuns: 300 },
  )
})

test('a header with one byte changed, added or taken away is refused, or is the one encoding of another node', () => {
  const sample = encodeHeader(encodeBody(full), sig)
  const codes = new Map<string | undefined, number>()
  const judge = (bytes: Uint8Array): void => {
    const code = codeOf(() => decodeHeader(bytes))
    codes.set(code, (codes.get(code) ?? 0) + 1)
    if (code !== undefined) return
    const node = decodeHeader(bytes)
    assert.ok(equals(encodeHeader(encodeBody(node), node.sig), bytes), toHex(bytes))
    assert.ok(equals(node.header, bytes))
  }
  for (let at = 0; at < sample.length; at += 1) {
    for (let byte = 0; byte < 256; byte += 1) judge(Uint8Array.from(sample).fill(byte, at, at + 1))
    for (let byte = 0; byte < 256; byte += 15) {
      judge(Buffer.concat([sample.subarray(0, at), Uint8Array.of(byte), sample.subarray(at)]))
    }
    judge(sample.subarray(0, at))
    judge(Buffer.concat([sample.subarray(0, at), sample.subarray(at + 1)]))
  }
  assert.equal([...codes.keys()].sort(), ['ERR_CBOR', 'ERR_NODE_SHAPE', undefined])
})

test('each one-bit change of a header that is accepted is accepted by the library too', () => {
  const sample = encodeHeader(encodeBody(full), sig)
  for (let bit = 0; bit < sample.length * 8; bit += 1) {
    const bytes = Uint8Array.from(sample)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    if (codeOf(() => decodeHeader(bytes)) === undefined) assert.ok(libraryAgrees(bytes), toHex(bytes))
  }
})

test('random bytes are refused with a typed error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      assert.ok(['ERR_CBOR', 'ERR_NODE_SHAPE'].includes(codeOf(() => decodeNode(bytes))!))
    }),
    { numRuns: 2000 },
  )
})

test('the members of a node are views into its bytes, at any offset of their buffer', () => {
  const bytes = encodeHeader(encodeBody(full), sig)
  const room = new Uint8Array(bytes.length + 3)
  room.set(bytes, 3)
  const node = decodeNode(room.subarray(3))
  for (const view of [node.sig, node.body, node.key, node.event, node.label, node.links[0]!.digest, node.parents[1]!]) {
    assert.is(view.buffer, room.buffer)
  }
  assert.equal(plain(node), plain(full))
})

test('a header with two parents has at most 330 bytes', () => {
  const most = { ...full, links: [], size: NODE_LIMITS.eventBytesMax, height: Number.MAX_SAFE_INTEGER }
  assert.ok(encodeHeader(encodeBody(most), sig).length <= 330)
})

test('nodes of different frontiers, decoded alternately, keep their frontier names', () => {
  const names = ['vfr_0000000000000000', 'vfr_ffffffffffffffff', 'vfr_0000000000000001']
  const nodes = names.map(frontier => encodeHeader(encodeBody({ ...root, frontier }), sig))
  for (const i of [0, 1, 1, 0, 2, 1, 2]) assert.is(decodeNode(nodes[i]!).frontier, names[i])
})

test('the signed bytes are the domain and the bytes of the body', () => {
  const node = decodeNode(encodeHeader(encodeBody(full), sig))
  assert.is(Buffer.from(NODE_DOMAIN).toString('latin1'), 'replica/node/2\n')
  assert.ok(equals(signingBytes(node.body), Buffer.concat([NODE_DOMAIN, node.header.subarray(76)])))
})

test('a node at every limit is accepted; encoder and decoder refuse one beyond any limit', () => {
  const many = (count: number): Digest[] => Array.from({ length: count }, (_, i) => digestOf(`${i}`)).sort(compare)
  const at: NodeFields = {
    ...root,
    size: NODE_LIMITS.eventBytesMax,
    links: many(NODE_LIMITS.linksMax).map(digest => ({ codec: 'raw', digest })),
    height: Number.MAX_SAFE_INTEGER,
    parents: many(NODE_LIMITS.parentsMax),
  }
  const bytes = encodeHeader(encodeBody(at), sig)
  assert.ok(bytes.length <= nodeHeaderBytesMax)
  const item = encodeItem(bytes, Buffer.alloc(NODE_LIMITS.eventBytesMax, 'a'))
  assert.ok(item.length <= nodeBytesMax)
  const node = decodeNode(item)
  assert.equal(plain(node), plain(at))
  assert.is(node.text!.length, NODE_LIMITS.eventBytesMax)
  assert.equal([decodeNode(bytes).text, decodeNode(bytes).bytes.length], [undefined, bytes.length])
  const past: [string, Partial<NodeFields>][] = [
    ['ERR_NODE_SIZE', { size: NODE_LIMITS.eventBytesMax + 1 }],
    ['ERR_NODE_SHAPE', { links: many(NODE_LIMITS.linksMax + 1).map(digest => ({ codec: 'raw', digest })) }],
    ['ERR_NODE_SHAPE', { parents: many(NODE_LIMITS.parentsMax + 1) }],
    ['ERR_NODE_SHAPE', { height: Number.MAX_SAFE_INTEGER + 1 }],
  ]
  for (const [code, change] of past) {
    assert.is(
      codeOf(() => encodeBody({ ...at, ...change })),
      code,
    )
  }
  assert.is(
    codeOf(() => decodeNode(linksOf(NODE_LIMITS.linksMax + 1))),
    'ERR_NODE_SHAPE',
  )
  assert.is(
    codeOf(() => decodeNode(linksOf(NODE_LIMITS.linksMax))),
    undefined,
  )
  assert.is(
    codeOf(() => decodeNode(Buffer.alloc(nodeBytesMax + 1))),
    'ERR_NODE_SIZE',
  )
  assert.is(
    codeOf(() => decodeHeader(Buffer.alloc(nodeHeaderBytesMax + 1))),
    'ERR_NODE_SIZE',
  )
})

/** A root with this many links, put together by hand. */
function linksOf(count: number): Uint8Array {
  const bytes = encodeHeader(encodeBody(root), sig)
  const marker = Buffer.from('\x65links\x80', 'latin1')
  const place = Buffer.from(bytes).indexOf(marker) + marker.length - 1
  const many = Array.from({ length: count }, (_, i) => `d82a58250001551220${i.toString(16).padStart(64, '0')}`)
  const head = `99${count.toString(16).padStart(4, '0')}`
  return Buffer.concat([bytes.subarray(0, place), hex(head + many.join('')), bytes.subarray(place + 1)])
}

test('the encoder refuses invalid fields', () => {
  const [one, two] = parents as [Digest, Digest]
  const [raw, list] = links as [DocumentLink, DocumentLink]
  const refused: [string, Partial<NodeFields>][] = [
    ['a short key', { key: new Uint8Array(31) }],
    ['a short digest of the text', { event: new Uint8Array(31) }],
    ['a long label', { label: new Uint8Array(9) }],
    ['a negative size', { size: -1 }],
    ['a broken size', { size: 1.5 }],
    ['height without parents', { parents: [] }],
    ['parents without height', { height: 0 }],
    ['a negative height', { height: -1 }],
    ['a broken height', { height: 1.5 }],
    ['parents not sorted', { parents: [two, one] }],
    ['a parent twice', { parents: [one, one] }],
    ['a short parent', { parents: [one.subarray(1)] }],
    ['links not sorted', { links: [list, raw] }],
    ['a link twice', { links: [raw, raw] }],
    ['a link of another codec', { links: [{ codec: 'dag-pb' as 'raw', digest: one }] }],
    ['a link of an inherited name', { links: [{ codec: 'toString' as 'raw', digest: one }] }],
    ['a short link', { links: [{ codec: 'raw', digest: one.subarray(1) }] }],
    ['a frontier name in upper case', { frontier: 'vfr_228826DC9EC1A4FB' }],
    ['a frontier name and a line feed', { frontier: 'vfr_228826dc9ec1a4fb\n' }],
  ]
  for (const [name, change] of refused) {
    assert.is(
      codeOf(() => encodeBody({ ...full, ...change })),
      'ERR_NODE_SHAPE',
      name,
    )
  }
  assert.throws(() => encodeHeader(encodeBody(full), sig.subarray(1)), isTypeError)
})

test('links sort by codec, then digest', () => {
  assert.equal([...links].reverse().sort(compareLinks), links)
})

test('a frontier name is vfr_ and 16 lower-case hex digits', () => {
  assert.ok(isFrontierId('vfr_0123456789abcdef'))
  for (const name of [
    '',
    'vfr_',
    'vfr_0123456789abcde',
    'vfr_0123456789abcdeg',
    'VFR_0123456789abcdef',
    'vfr_0123456789abcdef\n',
  ]) {
    assert.not(isFrontierId(name))
  }
})

test('the grammar has the members of body in their order, and the limits of the code', () => {
  const grammar = fs.readFileSync(path.join(repository, 'protocol', 'replica.cddl'), 'utf8')
  const rule = /^header-body = \{\n([^}]+)\}/m.exec(grammar)![1]!
  const members = [...rule.matchAll(/^ {2}(\w+): ([^;\n]*),/gm)].map(([, name, type]) => `${name}: ${type!.trim()}`)
  assert.equal(members, [
    'v: 2',
    'key: public-key',
    `size: uint .le ${NODE_LIMITS.eventBytesMax}`,
    'event: digest',
    'label: bstr .size 8',
    `links: [0*${NODE_LIMITS.linksMax} document-link]`,
    `height: uint .le ${Number.MAX_SAFE_INTEGER}`,
    `parents: [0*${NODE_LIMITS.parentsMax} node-link]`,
    'frontier: frontier-name',
  ])
})

test.run()
