// Makes protocol/vectors/node.json. The library builds the headers, not our encoder, so the vectors
// are a second opinion on it. The key is fixed, so that anyone can make them again. Each negative
// vector breaks one thing of a header that is otherwise right and signed.

import * as crypto from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import * as multihash from 'multiformats/hashes/digest'
import { sha256, toHex } from '../../src/base/bytes.ts'
import type { VectorBytes } from './referee.ts'

export interface NodeVector {
  name: string
  rule: string
  in: VectorBytes
  ok?: Record<string, unknown>
  error?: string
}

interface Body {
  v: unknown
  key: Uint8Array
  size: unknown
  event: unknown
  label: unknown
  links: unknown
  height: unknown
  parents: unknown
  frontier: string
  note?: string
}

const domain = Buffer.from('replica/node/2\n')
const frontier = 'vfr_228826dc9ec1a4fb'

/** The seed of the vectors' key: bytes 00 to 1f. */
export const seed = Uint8Array.from({ length: 32 }, (_, i) => i)
const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
const privateKey = crypto.createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
const key = crypto.createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32)

const sign = (body: Uint8Array): Uint8Array => crypto.sign(null, Buffer.concat([domain, body]), privateKey)

/** A link to something that is not there: the digest is that of its name. */
function linkTo(name: string, codec = 0x71): CID {
  return CID.createV1(codec, multihash.create(0x12, sha256(Buffer.from(name))))
}

const sorted = (links: CID[]): CID[] => links.sort((a, b) => Buffer.compare(a.bytes, b.bytes))

function event(text: string): string {
  const content = {
    actor: { id: 'reviewer:one', type: 'human' },
    after_hash: 'sha256:null',
    before_hash: 'sha256:null',
    caveats: [],
    kind: 'finding.noted',
    payload: { text },
    reason: 'first look',
    schema: 'vela.event.v0.1',
    target: { id: 'vf_04f7f6513eaa1b4d', type: 'finding' },
    timestamp: '2026-11-02T09:00:00.000000+00:00',
  }
  const digits = toHex(sha256(Buffer.from(JSON.stringify(content)))).slice(0, 16)
  // `id` sorts between `caveats` and `kind`.
  return JSON.stringify(content).replace('"kind":', `"id":"vev_${digits}","kind":`)
}

/** The members of a body that are about its text. */
function about(text: string): { size: number; event: Uint8Array; label: Uint8Array } {
  const bytes = Buffer.from(text)
  const label = Buffer.from(/"id":"vev_([0-9a-f]{16})"/.exec(text)?.[1] ?? '0'.repeat(16), 'hex')
  return { size: bytes.length, event: sha256(bytes), label }
}

const rootText = event('effect size')
const childText = event('is missing')
const rootBody: Body = { v: 2, key, ...about(rootText), links: [], height: 0, parents: [], frontier }
const rootBytes = signed(rootBody)
const rootCid = CID.createV1(0x71, multihash.create(0x12, sha256(rootBytes)))
const childBody: Body = { ...rootBody, ...about(childText), height: 1, parents: [rootCid] }

function signed(body: Partial<Body>): Uint8Array {
  return dagCbor.encode({ sig: sign(dagCbor.encode(body)), body })
}

/** Signs body bytes that the library would not make, and puts them in a node. */
function signedRaw(body: Uint8Array): Uint8Array {
  const bytes = dagCbor.encode({ sig: sign(body), body: 0 })
  return Buffer.concat([bytes.subarray(0, -1), body])
}

/** A node whose body has `from` (hex) replaced by `to`, once. */
function patched(body: Body, from: string, to: string): Uint8Array {
  const before = toHex(dagCbor.encode(body))
  if (before.split(from).length !== 2) throw new TypeError(`${from} is not there exactly once`)
  return signedRaw(Buffer.from(before.replace(from, to), 'hex'))
}

const text = (ascii: string): string => toHex(Buffer.from(ascii))

function good(name: string, rule: string, body: Body, text?: string): NodeVector {
  const bytes = signed(body)
  const { size, event, label, links, parents } = body as ReturnType<typeof about> & {
    links: CID[]
    parents: CID[]
  }
  const ok = {
    cid: CID.createV1(0x71, multihash.create(0x12, sha256(bytes))).toString(),
    key: toHex(body.key),
    size,
    event: toHex(event),
    label: toHex(label),
    links: links.map(link => link.toString()),
    height: body.height,
    parents: parents.map(parent => parent.toString()),
    frontier: body.frontier,
    ...(text === undefined ? {} : { text }),
  }
  return { name, rule, in: shortened(Buffer.concat([bytes, Buffer.from(text ?? '')])), ok }
}

/** A header or an item that is refused. */
function bad(name: string, rule: string, bytes: Uint8Array, error = 'ERR_NODE_SHAPE'): NodeVector {
  return { name, rule, in: shortened(bytes), error }
}

/** Hex with runs of the letter `a` (long events here are nothing else) counted. */
function shortened(bytes: Uint8Array): VectorBytes {
  const run = /(?:61){1000,}/
  const all = toHex(bytes)
  const found = run.exec(all)
  if (found === null) return all
  const end = found.index + found[0].length
  return [all.slice(0, found.index), { byte: '61', times: found[0].length / 2 }, all.slice(end)]
}

export function nodeVectors(): NodeVector[] {
  return [...formVectors(), ...memberVectors(), ...sizeVectors(), ...signatureVectors(), ...itemVectors()]
}

/** The map and its members: N11 to N13, and links as strict DAG-CBOR has them, N9. */
function formVectors(): NodeVector[] {
  const root = toHex(rootBytes)
  const { links: _, ...withoutLinks } = rootBody
  const { size: _size, ...withoutSize } = rootBody
  return [
    good('a node without parents', 'N11', rootBody),
    good('a node with one parent', 'N11', childBody),
    bad('body is missing', 'N11', dagCbor.encode({ sig: sign(dagCbor.encode(rootBody)) })),
    bad(
      'a third member beside sig and body',
      'N11',
      dagCbor.encode({ sig: new Uint8Array(64), body: rootBody, extra: 1 }),
    ),
    bad('body is text', 'N11', dagCbor.encode({ sig: new Uint8Array(64), body: 'body' })),
    bad('the node is an array', 'N11', dagCbor.encode([new Uint8Array(64), rootBody])),
    bad('a tenth member in body', 'N11', signed({ ...rootBody, note: 'x' })),
    bad('links is missing', 'N11', signed(withoutLinks)),
    bad('event is text', 'N11', signed({ ...rootBody, event: rootText })),
    bad('size is missing', 'N11', signed(withoutSize)),
    bad('label is text', 'N11', signed({ ...rootBody, label: 'vev_0123' })),
    bad('size is bytes', 'N11', signed({ ...rootBody, size: Buffer.alloc(2) })),
    bad('links is null', 'N11', signed({ ...rootBody, links: null })),
    bad('parents is a link', 'N11', signed({ ...childBody, parents: rootCid })),
    bad('a parent is text', 'N11', signed({ ...childBody, parents: [rootCid.toString()] })),
    bad('a parent is bytes without a tag', 'N11', signed({ ...childBody, parents: [rootCid.bytes] })),
    good('v is 2', 'N12', rootBody),
    bad('v is 1', 'N12', signed({ ...rootBody, v: 1 })),
    bad('v is 3', 'N12', signed({ ...rootBody, v: 3 })),
    bad('v is 0', 'N12', signed({ ...rootBody, v: 0 })),
    bad('v is text', 'N12', signed({ ...rootBody, v: '2' })),
    good('key and sig have their lengths', 'N13', rootBody),
    bad('key of 31 bytes', 'N13', signed({ ...rootBody, key: key.subarray(1) })),
    bad('key of 33 bytes', 'N13', signed({ ...rootBody, key: Buffer.concat([key, key.subarray(0, 1)]) })),
    bad('sig of 63 bytes', 'N13', dagCbor.encode({ sig: new Uint8Array(63), body: rootBody })),
    bad('sig of 65 bytes', 'N13', dagCbor.encode({ sig: new Uint8Array(65), body: rootBody })),
    bad('sig is text', 'N13', dagCbor.encode({ sig: 'a'.repeat(64), body: rootBody })),
    bad('no bytes at all', 'N1', new Uint8Array(0), 'ERR_CBOR'),
    bad('one byte after the node', 'N1', Buffer.from(`${root}00`, 'hex'), 'ERR_CBOR'),
    bad('the last byte is missing', 'N3', rootBytes.subarray(0, -1), 'ERR_CBOR'),
    bad('height in two bytes', 'N2', patched(childBody, `${text('height')}01`, `${text('height')}1801`), 'ERR_CBOR'),
    bad(
      'height of 2^53',
      'N4',
      patched(childBody, `${text('height')}01`, `${text('height')}1b0020000000000000`),
      'ERR_CBOR',
    ),
    bad('height is a float', 'N5', signed({ ...childBody, height: 1.5 }), 'ERR_CBOR'),
    bad(
      'a frontier name with a surrogate',
      'N6',
      patched(rootBody, text('vfr_228826'), `${text('vfr_228')}eda080`),
      'ERR_CBOR',
    ),
    bad(
      'a frontier name with an overlong letter',
      'N6',
      patched(rootBody, text('vfr_228826'), `${text('vfr_2288')}c1a5`),
      'ERR_CBOR',
    ),
    bad('body before sig', 'N7', bodyFirst(), 'ERR_CBOR'),
    good('links to raw and to dag-cbor', 'N9', { ...rootBody, links: sorted([linkTo('one', 0x55), linkTo('two')]) }),
    bad('a link with codec dag-pb', 'N9', signed({ ...rootBody, links: [linkTo('one', 0x70)] }), 'ERR_CBOR'),
    bad('a parent as CID version 0', 'N9', signed({ ...childBody, parents: [linkTo('one', 0x70).toV0()] }), 'ERR_CBOR'),
    bad('a link by sha2-512', 'N9', signed({ ...rootBody, links: [longHash()] }), 'ERR_CBOR'),
    bad('a link without the zero byte', 'N9', patched(childBody, 'd82a58250001711220', 'd82a582401711220'), 'ERR_CBOR'),
  ]
}

function bodyFirst(): Uint8Array {
  const body = dagCbor.encode(rootBody)
  return Buffer.concat([
    Buffer.from('\xa2\x64body', 'latin1'),
    body,
    Buffer.from('\x63sig\x58\x40', 'latin1'),
    sign(body),
  ])
}

function longHash(): CID {
  return CID.createV1(0x55, multihash.create(0x13, crypto.createHash('sha512').update('one').digest()))
}

/** Links, height, parents, frontier: N15 to N18. */
function memberVectors(): NodeVector[] {
  const three = [linkTo('one', 0x55), linkTo('two', 0x55), linkTo('three')]
  const two = sorted([rootCid, linkTo('two')])
  const many = sorted(Array.from({ length: 65 }, (_, i) => linkTo(`parent ${i}`)))
  return [
    good('three links, raw before dag-cbor', 'N15', { ...rootBody, links: sorted(three) }),
    bad('links not sorted by digest', 'N15', signed({ ...rootBody, links: sorted(three.slice(0, 2)).reverse() })),
    bad('dag-cbor before raw', 'N15', signed({ ...rootBody, links: [three[2], three[0]] })),
    bad('a link twice', 'N15', signed({ ...rootBody, links: [three[0], three[0]] })),
    good('two parents', 'N16', { ...childBody, parents: two }),
    good('64 parents', 'N16', { ...childBody, parents: many.slice(0, 64) }),
    bad('65 parents', 'N16', signed({ ...childBody, parents: many })),
    bad('parents not sorted', 'N16', signed({ ...childBody, parents: two.toReversed() })),
    bad('a parent twice', 'N16', signed({ ...childBody, parents: [rootCid, rootCid] })),
    bad('a parent with codec raw', 'N16', signed({ ...childBody, parents: [linkTo('one', 0x55)] })),
    good('height of 2^53-1', 'N17', { ...childBody, height: Number.MAX_SAFE_INTEGER }),
    bad('height 1 without parents', 'N17', signed({ ...rootBody, height: 1 })),
    bad('height 0 with a parent', 'N17', signed({ ...childBody, height: 0 })),
    bad('height -1', 'N17', signed({ ...childBody, height: -1 })),
    good('a frontier name of other digits', 'N18', { ...rootBody, frontier: 'vfr_0123456789abcdef' }),
    bad('a frontier name in upper case', 'N18', signed({ ...rootBody, frontier: 'vfr_228826DC9EC1A4FB' })),
    bad('a frontier name of 15 digits', 'N18', signed({ ...rootBody, frontier: 'vfr_228826dc9ec1a4f' })),
    bad('a frontier name of 17 digits', 'N18', signed({ ...rootBody, frontier: 'vfr_228826dc9ec1a4fb0' })),
    bad('an event id for a frontier name', 'N18', signed({ ...rootBody, frontier: 'vev_228826dc9ec1a4fb' })),
  ]
}

/** Sizes, and which fault is named where there are two: N14 and N19. */
function sizeVectors(): NodeVector[] {
  const mib = 1024 * 1024
  const long = { ...rootBody, size: mib + 1 }
  return [
    good('a text of 1048576 bytes', 'N14', { ...rootBody, size: mib }),
    good('a text of no bytes', 'N14', { ...rootBody, size: 0 }),
    bad('a text of 1048577 bytes', 'N14', signed(long), 'ERR_NODE_SIZE'),
    bad('size -1', 'N14', signed({ ...rootBody, size: -1 })),
    bad('a digest of 31 bytes', 'N14', signed({ ...rootBody, event: Buffer.alloc(31) })),
    bad('a digest of 33 bytes', 'N14', signed({ ...rootBody, event: Buffer.alloc(33) })),
    bad('a label of 7 bytes', 'N14', signed({ ...rootBody, label: Buffer.alloc(7) })),
    bad('a label of 9 bytes', 'N14', signed({ ...rootBody, label: Buffer.alloc(9) })),
    good('a header of few bytes', 'N19', rootBody),
    bad('more bytes than any header has', 'N19', Buffer.concat([rootBytes, Buffer.alloc(47_296)]), 'ERR_NODE_SIZE'),
    bad('a byte after a header of another version', 'N19', after(signed({ ...rootBody, v: 1 }))),
    bad('a byte after a header with a text too long', 'N19', after(signed(long)), 'ERR_NODE_SIZE'),
    bad('another version and a text too long', 'N19', signed({ ...long, v: 1 })),
  ]
}

function after(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, Buffer.alloc(1)])
}

/** Headers with their text: N24. */
function itemVectors(): NodeVector[] {
  const item = (text: string): Uint8Array => Buffer.concat([rootBytes, Buffer.from(text)])
  const letters = event('p < 0,05 · β-Amyloid · 𝛼')
  return [
    good('a header and its text', 'N24', rootBody, rootText),
    good('a text of letters beyond ASCII', 'N24', { ...rootBody, ...about(letters) }, letters),
    bad('a text of one byte less', 'N24', item(rootText.slice(0, -1))),
    bad('a text of one byte more', 'N24', item(`${rootText} `)),
    bad('another text of the same size', 'N24', item(rootText.replace('effect', 'affect')), 'ERR_NODE_TEXT'),
  ]
}

/** What is signed: N22. The forms are right; the last step, the signature, decides. */
function signatureVectors(): NodeVector[] {
  const body = dagCbor.encode(rootBody)
  const wrap = (sig: Uint8Array): Uint8Array => dagCbor.encode({ sig, body: rootBody })
  const other = dagCbor.encode(childBody)
  return [
    good('signed over domain and body', 'N22', rootBody),
    bad('signed without the domain', 'N22', wrap(crypto.sign(null, body, privateKey)), 'ERR_NODE_SIGNATURE'),
    bad('signed for another body', 'N22', wrap(sign(other)), 'ERR_NODE_SIGNATURE'),
    bad('a signature of zeros', 'N22', wrap(new Uint8Array(64)), 'ERR_NODE_SIGNATURE'),
  ]
}
