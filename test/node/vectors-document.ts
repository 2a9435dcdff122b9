// Makes protocol/vectors/document.json: chunk lists, each negative vector with one fault.

import { concat, sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { DOCUMENT_LIMITS } from '../../src/base/limits.ts'
import { encodeChunkList } from '../../src/node/document-chunks.ts'
import type { VectorBytes } from './referee.ts'

export interface DocumentVector {
  name: string
  rule: string
  in: VectorBytes
  ok?: { size: number; chunks: number; last: string }
  error?: string
}

const { blockBytesMax, documentBytesMax } = DOCUMENT_LIMITS
const digests = ['one', 'two', 'three'].map(name => sha256(utf8(name)))
/** Two chunks, the second of one byte: the shortest list there is. */
const shortest = toHex(encodeChunkList({ size: blockBytesMax + 1, chunks: digests.slice(0, 2) }))
const size = '6473697a65'
const chunks = '666368756e6b73'
const number = '1a00040001'
const raw = 'd82a58250001551220'

function link(index: number): string {
  return raw + toHex(digests[index]!)
}

function good(name: string, rule: string, bytes: number, indices: readonly number[]): DocumentVector {
  const list = encodeChunkList({ size: bytes, chunks: indices.map(index => digests[index]!) })
  const last = toHex(digests[indices.at(-1)!]!)
  return { name, rule, in: toHex(list), ok: { size: bytes, chunks: indices.length, last } }
}

function bad(name: string, rule: string, input: VectorBytes): DocumentVector {
  return { name, rule, in: input, error: 'ERR_DOCUMENT' }
}

/** 512 chunks and their list are the largest document. */
function largest(bytes: number, count: number): Uint8Array {
  return concat([encodeChunkList({ size: bytes, chunks: Array(count).fill(digests[0]!) })])
}

export function documentVectors(): DocumentVector[] {
  return [...formVectors(), ...sizeVectors(), ...chunkVectors()]
}

function formVectors(): DocumentVector[] {
  return [
    good('a list', 'B2', blockBytesMax + 1, [0, 1]),
    bad('nothing', 'B2', ''),
    bad('an empty map', 'B2', 'a0'),
    bad('a byte behind the list', 'B2', `${shortest}00`),
    bad('cut short', 'B2', shortest.slice(0, -2)),
    bad('without a size', 'B2', `a1${chunks}82${link(0)}${link(1)}`),
    bad('without chunks', 'B2', `a1${size}${number}`),
    bad('chunks before size', 'B2', `a2${chunks}82${link(0)}${link(1)}${size}${number}`),
    bad('a third member', 'B2', `a3${size}${number}646d696d6560${chunks}82${link(0)}${link(1)}`),
    bad('a size in more bytes than it needs', 'B2', `a2${size}1b0000000000040001${chunks}82${link(0)}${link(1)}`),
    bad('a count in more bytes than it needs', 'B2', `a2${size}${number}${chunks}9802${link(0)}${link(1)}`),
    bad('a list without a stated length', 'B2', `a2${size}${number}${chunks}9f${link(0)}${link(1)}ff`),
  ]
}

function sizeVectors(): DocumentVector[] {
  const most = largest(documentBytesMax, 512)
  const last = toHex(digests[0]!)
  return [
    { name: 'the largest document', rule: 'B3', in: toHex(most), ok: { size: documentBytesMax, chunks: 512, last } },
    bad('one byte more than the largest', 'B3', toHex(largest(documentBytesMax + 1, 513))),
    bad('a document that fits one block', 'B3', toHex(largest(blockBytesMax, 1))),
    bad('a size below zero', 'B3', `a2${size}3a00040001${chunks}82${link(0)}${link(1)}`),
    bad('a size that is text', 'B3', `a2${size}6135${chunks}82${link(0)}${link(1)}`),
    bad('a size that is a float', 'B3', `a2${size}fb4110000400000000${chunks}82${link(0)}${link(1)}`),
  ]
}

function chunkVectors(): DocumentVector[] {
  const head = `a2${size}${number}${chunks}`
  return [
    good('a last chunk as long as the others', 'B4', 2 * blockBytesMax, [0, 1]),
    good('three chunks, not in the order of their bytes', 'B4', 2 * blockBytesMax + 7, [2, 0, 1]),
    good('one chunk three times', 'B4', 3 * blockBytesMax, [1, 1, 1]),
    bad('a chunk too few', 'B4', `${head}81${link(0)}`),
    bad('a chunk too many', 'B4', `${head}83${link(0)}${link(1)}${link(2)}`),
    bad(
      'a count that is greater than the links that follow',
      'B4',
      `a2${size}1a00080001${chunks}83${link(0)}${link(1)}`,
    ),
    bad('digests instead of links', 'B4', `${head}825820${toHex(digests[0]!)}5820${toHex(digests[1]!)}`),
    bad('a chunk that is dag-cbor', 'B4', `${head}82${link(0)}d82a58250001711220${toHex(digests[1]!)}`),
    bad('a chunk by sha2-512', 'B4', `${head}82${link(0)}d82a58250001551320${toHex(digests[1]!)}`),
    bad('a link without the zero byte', 'B4', `${head}82${link(0)}d82a582401551220${toHex(digests[1]!)}`),
    bad('chunks that are a map', 'B4', `a2${size}${number}${chunks}a1${link(0)}${link(1)}`),
  ]
}
