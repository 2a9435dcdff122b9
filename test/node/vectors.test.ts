// Runs the vectors of nodes, strict DAG-CBOR and CIDs through the production decoders, and checks
// that the files equal the output of make-vectors.ts.

import * as crypto from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { equals, sha256, toHex } from '../../src/base/bytes.ts'
import { ReplicaError } from '../../src/base/errors.ts'
import { cidText, parseCid } from '../../src/cbor/cid.ts'
import { type CborValue, decodeCbor, encodeCbor } from '../../src/cbor/dag-cbor.ts'
import { decodeHeader, decodeNode, encodeBody, encodeHeader, type Node, signingBytes } from '../../src/node/node.ts'
import { checkEvent } from '../../src/vela/index.ts'
import type { CborVector, CidVector } from '../cbor/vectors-cbor.ts'
import { repository } from '../shared-data.ts'
import { vectorFiles } from './make-vectors.ts'
import { codeOf, libraryAgrees, vectorBytes } from './referee.ts'
import type { NodeVector } from './vectors-node.ts'

const test = suite('node/vectors')

function read<T>(name: string): T[] {
  return JSON.parse(fs.readFileSync(path.join(repository, 'protocol', 'vectors', name), 'utf8'))
}

/**
 * Decodes a header, or an item where the rule is about items, then makes the last checks of a
 * reader: text, signature.
 */
function readNode(bytes: Uint8Array, rule: string): Node {
  const node = rule === 'N24' ? decodeNode(bytes) : Object.assign(decodeHeader(bytes), { bytes, text: undefined })
  if (node.text !== undefined && !equals(sha256(node.text), node.event)) throw new ReplicaError('ERR_NODE_TEXT', 'bad')
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), node.key])
  const key = crypto.createPublicKey({ key: spki, format: 'der', type: 'spki' })
  if (!crypto.verify(null, signingBytes(node.body), key, node.sig)) throw new ReplicaError('ERR_NODE_SIGNATURE', 'bad')
  return node
}

function describe(node: Node): Record<string, unknown> {
  const { text } = node
  return {
    cid: cidText(node.digest),
    key: toHex(node.key),
    size: node.size,
    event: toHex(node.event),
    label: toHex(node.label),
    links: node.links.map(({ codec, digest }) => cidText(digest, codec)),
    height: node.height,
    parents: node.parents.map(digest => cidText(digest)),
    frontier: node.frontier,
    ...(text === undefined ? {} : { text: Buffer.from(text).toString('utf8') }),
  }
}

function vectorHex(input: NodeVector['in']): string {
  return toHex(vectorBytes(input))
}

/** A decoded value in the notation of the vectors: bytes as `{"hex": …}`. */
function inJson(value: CborValue): unknown {
  return JSON.parse(JSON.stringify(value, (_, item) => (item instanceof Uint8Array ? { hex: toHex(item) } : item)))
}

for (const { name, rule, in: input, ok, error } of read<NodeVector>('node.json')) {
  test(`node ${rule}: ${name}`, () => {
    const bytes = vectorBytes(input)
    assert.is(
      codeOf(() => readNode(bytes, rule)),
      error,
    )
    if (ok === undefined) return
    const node = readNode(bytes, rule)
    assert.equal(describe(node), ok)
    const { header } = node
    assert.ok(equals(encodeHeader(encodeBody(node), node.sig), header))
    assert.ok(libraryAgrees(header))
  })
}

for (const { name, rule, in: input, ok, error } of read<CborVector>('cbor.json')) {
  test(`strict DAG-CBOR ${rule}: ${name}`, () => {
    const bytes = vectorBytes(input)
    assert.is(
      codeOf(() => decodeCbor(bytes)),
      error,
    )
    if (ok === undefined) return
    const value = decodeCbor(bytes)
    if (Object.hasOwn(ok, 'value')) assert.equal(JSON.stringify(inJson(value)), JSON.stringify(ok.value))
    assert.ok(equals(encodeCbor(value), bytes))
    assert.ok(libraryAgrees(bytes))
  })
}

for (const { name, rule, in: text, ok, error } of read<CidVector>('cid.json')) {
  test(`CID ${rule}: ${name}`, () => {
    assert.is(
      codeOf(() => parseCid(text)),
      error,
    )
    if (ok === undefined) return
    const { codec, digest } = parseCid(text)
    assert.equal({ codec, digest: toHex(digest) }, ok)
    assert.is(cidText(digest, codec), text)
  })
}

test('the vector files are what make-vectors.ts makes', () => {
  for (const { file, text } of vectorFiles()) assert.is(fs.readFileSync(file, 'utf8'), text, file)
})

test('the example of node.md is the first vector, and its text one that is admitted', () => {
  const page = fs.readFileSync(path.join(repository, 'protocol', 'node.md'), 'utf8')
  const dump = /```\n( {2}0 {2}[^`]+)```/.exec(page)![1]!
  const lines = dump.split('\n').map(line => /^[ \d]{3} {2}([0-9a-f]+)/.exec(line)?.[1] ?? '')
  const { in: bytes, ok } = read<NodeVector>('node.json')[0]!
  assert.is(lines.join(''), bytes)
  assert.is(page.split(String(ok!.cid)).length, 2)
  const item = read<NodeVector>('node.json').find(vector => vector.rule === 'N24')!
  assert.ok(vectorHex(item.in).startsWith(String(bytes)))
  checkEvent(decodeNode(vectorBytes(item.in)).text!)
})

test.run()
