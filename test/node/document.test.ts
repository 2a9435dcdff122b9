// Documents as blocks: the vectors of chunk lists, and documents of sizes around the limits, split
// and joined again.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { concat, equals, sha256, toHex } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import { DOCUMENT_LIMITS } from '../../src/base/limits.ts'
import { chunkBytes, chunkDocument, encodeChunkList, readChunkList } from '../../src/node/document-chunks.ts'
import { repository } from '../shared-data.ts'
import { codeOf, libraryAgrees, vectorBytes } from './referee.ts'
import type { DocumentVector } from './vectors-document.ts'

const test = suite('node/document')
const { blockBytesMax, documentBytesMax } = DOCUMENT_LIMITS

const file = path.join(repository, 'protocol', 'vectors', 'document.json')
const vectors: DocumentVector[] = JSON.parse(fs.readFileSync(file, 'utf8'))

for (const { name, rule, in: input, ok, error } of vectors) {
  test(`document ${rule}: ${name}`, () => {
    const bytes = vectorBytes(input)
    assert.is(
      codeOf(() => readChunkList(bytes)),
      error,
    )
    if (ok === undefined) return
    const list = readChunkList(bytes)
    assert.equal({ size: list.size, chunks: list.chunks.length, last: toHex(list.chunks.at(-1)!) }, ok)
    assert.ok(equals(encodeChunkList(list), bytes))
    assert.ok(libraryAgrees(bytes))
  })
}

test('a document of any size has one form and can be joined again', () => {
  for (const size of [0, 1, blockBytesMax - 1, blockBytesMax, blockBytesMax + 1, 2 * blockBytesMax, 600_000]) {
    const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 9)) & 0xff)
    const { link, blocks } = chunkDocument(bytes)
    for (const block of blocks) assert.ok(equals(sha256(block.bytes), block.digest))
    if (size <= blockBytesMax) {
      assert.equal([link.codec, blocks.length], ['raw', 1])
      assert.ok(equals(blocks[0]!.bytes, bytes))
      continue
    }
    const last = blocks.at(-1)!
    assert.is(link.codec, 'dag-cbor')
    assert.ok(equals(last.digest, link.digest))
    const list = readChunkList(last.bytes)
    assert.is(list.size, size)
    assert.equal(
      list.chunks.map(toHex),
      blocks.slice(0, -1).map(({ digest }) => toHex(digest)),
    )
    blocks.slice(0, -1).forEach((block, i) => {
      assert.is(block.bytes.length, chunkBytes(list, i))
    })
    assert.ok(equals(concat(blocks.slice(0, -1).map(block => block.bytes)), bytes))
  }
})

test('the largest document is accepted, and one byte more is refused', () => {
  const { blocks } = chunkDocument(new Uint8Array(documentBytesMax))
  assert.is(blocks.length, documentBytesMax / blockBytesMax + 1)
  assert.ok(blocks.at(-1)!.bytes.length <= blockBytesMax)
  assert.is(
    codeOf(() => chunkDocument(new Uint8Array(documentBytesMax + 1))),
    'ERR_DOCUMENT',
  )
})

test('a list cut at any byte, or with a bit of its form changed, is not another list of this size', () => {
  const { blocks } = chunkDocument(new Uint8Array(3 * blockBytesMax))
  const list = blocks.at(-1)!.bytes
  for (let at = 0; at < list.length; at += 1) {
    assert.is(
      codeOf(() => readChunkList(list.subarray(0, at))),
      'ERR_DOCUMENT',
    )
    const changed = Uint8Array.from(list)
    changed[at]! ^= 1
    try {
      assert.ok(equals(encodeChunkList(readChunkList(changed)), changed), `byte ${at}`)
    } catch (error) {
      if (!hasCode(error, 'ERR_DOCUMENT')) throw error
    }
  }
})

test.run()
