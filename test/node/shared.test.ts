// Strict DAG-CBOR and three public collections of cases: 116 negative and positive cases, 125 IPLD
// fixtures and a negative one, the atproto data model. Messages have neither floats nor links, so
// each test adapts its collection.

import * as fs from 'node:fs'
import * as path from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { equals, sha256 } from '../../src/base/bytes.ts'
import { cidText } from '../../src/cbor/cid.ts'
import { checkCbor, decodeCbor, encodeCbor } from '../../src/cbor/dag-cbor.ts'
import { decodeHeader } from '../../src/node/node.ts'
import { shared, skip } from '../shared-data.ts'
import { codeOf, hex } from './referee.ts'

const test = suite('node/shared')

interface Case {
  name: string
  hex: string
  want: 'reject' | 'accept' | 'accept-lib' | 'policy'
  code?: string
}

/**
 * Tag 42 with codec raw is to be refused where links are nodes; a node here may link to raw
 * documents.
 */
const linkToDocument = 'tag 42 raw codec'

/**
 * What a message says: no floats and no links, all else as wanted; where it is ours to say, depth
 * 32 and any key.
 */
function isMessage({ want, code, hex }: Case): boolean {
  if (hex.startsWith('d82a')) return false
  if (want === 'policy') return code !== 'E_FLOAT'
  return want !== 'reject'
}

/** What may be inside of a node: the same, and links. */
function isInNode(one: Case): boolean {
  return isMessage(one) || (one.hex.startsWith('d82a') && (one.want === 'accept' || one.name === linkToDocument))
}

const negative = shared('vectors/replica-own/dagcbor-negative.json')
if (negative === undefined) skip('the 116 DAG-CBOR cases', 'replica-own/dagcbor-negative.json is not there')
else {
  const { cases } = JSON.parse(fs.readFileSync(negative, 'utf8')) as { cases: Case[] }

  test('each of the 116 cases has the expected result', () => {
    for (const one of cases) {
      const bytes = hex(one.hex)
      assert.is(
        codeOf(() => decodeCbor(bytes)),
        isMessage(one) ? undefined : 'ERR_CBOR',
        one.name,
      )
      assert.is(
        codeOf(() => checkCbor(bytes)),
        isInNode(one) ? undefined : 'ERR_CBOR',
        one.name,
      )
      if (isMessage(one)) assert.ok(equals(encodeCbor(decodeCbor(bytes)), bytes), one.name)
      // None is a header; strictness is named first, but for bytes after the item (N19).
      assert.is(
        codeOf(() => decodeHeader(bytes)),
        isInNode(one) || ['trailing byte', 'two items'].includes(one.name) ? 'ERR_NODE_SHAPE' : 'ERR_CBOR',
        one.name,
      )
    }
    assert.equal([cases.length, cases.filter(isMessage).length, cases.filter(isInNode).length], [116, 12, 14])
  })
}

interface Contents {
  floats: boolean
  links: CID[]
  keys: string[]
}

/** What the library finds in a block, all levels of it. */
function contentsOf(block: unknown): Contents {
  const contents: Contents = { floats: false, links: [], keys: [] }
  const open: unknown[] = [block]
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    const cid = CID.asCID(value)
    if (cid !== null) contents.links.push(cid)
    else if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isSafeInteger(value)))
      contents.floats = true
    else if (Array.isArray(value)) open.push(...value)
    else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
      contents.keys.push(...Object.keys(value))
      open.push(...Object.values(value))
    }
  }
  return contents
}

function isOurLink({ version, code, multihash }: CID): boolean {
  return version === 1 && (code === 0x55 || code === 0x71) && multihash.code === 0x12 && multihash.size === 32
}

const fixtures = shared('vectors/ipld-codec-fixtures/fixtures')
if (fixtures === undefined) skip('the 125 IPLD fixtures', 'ipld-codec-fixtures is not there')
else {
  test('the CIDs of the 125 IPLD fixtures are right, and those without floats, large integers and links are messages', () => {
    const counts = { fixtures: 0, messages: 0, inNodes: 0, numbers: 0, links: 0, keys: 0 }
    for (const folder of fs.readdirSync(fixtures)) {
      for (const file of fs.readdirSync(path.join(fixtures, folder)).filter(name => name.endsWith('.dag-cbor'))) {
        const bytes = fs.readFileSync(path.join(fixtures, folder, file))
        assert.is(`${cidText(sha256(bytes))}.dag-cbor`, file)
        const { floats, links, keys } = contentsOf(dagCbor.decode(bytes))
        const isReserved = keys.some(key => /^[0-9]|^\/$/.test(key))
        const isMessage = !floats && !isReserved && links.length === 0
        const isInNode = !floats && !isReserved && links.every(isOurLink)
        const name = `${folder}/${file}`
        assert.is(
          codeOf(() => decodeCbor(bytes)),
          isMessage ? undefined : 'ERR_CBOR',
          name,
        )
        assert.is(
          codeOf(() => checkCbor(bytes)),
          isInNode ? undefined : 'ERR_CBOR',
          name,
        )
        if (isMessage) assert.ok(equals(encodeCbor(decodeCbor(bytes)), bytes), name)
        counts.fixtures += 1
        if (isMessage) counts.messages += 1
        if (isInNode) counts.inNodes += 1
        if (floats) counts.numbers += 1
        if (links.length > 0) counts.links += 1
        if (isReserved) counts.keys += 1
      }
    }
    assert.equal(counts, { fixtures: 125, messages: 54, inNodes: 59, numbers: 35, links: 48, keys: 10 })
  })
}

const repeated = shared('vectors/ipld-codec-fixtures/negative-fixtures/dag-cbor/decode/duplicate-keys.json')
if (repeated === undefined) skip('the negative IPLD fixture', 'ipld-codec-fixtures is not there')
else {
  test('the negative IPLD fixture, a repeated key, is refused', () => {
    const cases = JSON.parse(fs.readFileSync(repeated, 'utf8')) as { hex: string }[]
    assert.is(cases.length, 1)
    assert.is(
      codeOf(() => decodeCbor(hex(cases[0]!.hex))),
      'ERR_CBOR',
    )
  })
}

const dataModel = shared('vectors/atproto-interop/data-model/data-model-fixtures.json')
if (dataModel === undefined) skip('the atproto data model', 'atproto-interop/data-model is not there')
else {
  test('blocks of the atproto data model have the stated CIDs and are strict, also with links', () => {
    const cases = JSON.parse(fs.readFileSync(dataModel, 'utf8')) as { cbor_base64: string; cid: string }[]
    assert.ok(cases.length > 0)
    for (const { cbor_base64, cid } of cases) {
      const bytes = Buffer.from(cbor_base64, 'base64')
      assert.is(cidText(sha256(bytes)), cid)
      checkCbor(bytes)
    }
  })
}

test.run()
