// CIDs as text, compared with the CID class of multiformats.

import * as fs from 'node:fs'
import * as fc from 'fast-check'
import { CID } from 'multiformats/cid'
import * as multihash from 'multiformats/hashes/digest'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { equals, fromHex, sha256, toHex } from '../../src/base/bytes.ts'
import { cidText, type LinkCodec, nodeDigest, parseCid } from '../../src/cbor/cid.ts'
import { codeOf, isTypeError } from '../node/referee.ts'
import { shared, skip } from '../shared-data.ts'

const test = suite('cbor/cid')

const codes: Record<LinkCodec, number> = { 'dag-cbor': 0x71, raw: 0x55 }
const digests = fc.uint8Array({ minLength: 32, maxLength: 32 })
const codecs = fc.constantFrom<LinkCodec>('dag-cbor', 'raw')

/** Whether the library reads `text` as the one kind of CID that we have. */
function libraryReads(text: string): boolean {
  try {
    const cid = CID.parse(text)
    const isOurs = cid.version === 1 && [0x55, 0x71].includes(cid.code) && cid.multihash.code === 0x12
    return isOurs && cid.multihash.size === 32 && CID.createV1(cid.code, cid.multihash).toString() === text
  } catch {
    return false
  }
}

test('the CID of a digest equals that of the library, and is read back', () => {
  fc.assert(
    fc.property(digests, codecs, (digest, codec) => {
      const text = cidText(digest, codec)
      assert.is(text, CID.createV1(codes[codec], multihash.create(0x12, digest)).toString())
      assert.equal(parseCid(text), { codec, digest })
    }),
  )
})

test('a text with one character changed is accepted if and only if the library accepts it', () => {
  const text = cidText(sha256(Buffer.from('frontier')))
  const characters = [...'abcz27189=ABQ/+- ', '\n', 'é', '\ud800']
  for (let i = 0; i < text.length; i += 1) {
    for (const character of characters) {
      const changed = text.slice(0, i) + character + text.slice(i + 1)
      assert.is(codeOf(() => parseCid(changed)) === undefined, libraryReads(changed), changed)
    }
  }
})

test('random text is accepted or refused with ERR_CID', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^b[a-z2-7]{58}$/)), text => {
      const code = codeOf(() => parseCid(text))
      assert.is(code, libraryReads(text) ? undefined : 'ERR_CID')
    }),
  )
})

test('a text of half a gigabyte is refused by its length', () => {
  // Made by halves: it never lies in memory as a whole, unless somebody reads it.
  assert.is(
    codeOf(() => parseCid('b'.repeat(2 ** 29 - 24))),
    'ERR_CID',
  )
})

test('the CID of a node has the codec dag-cbor', () => {
  const digest = sha256(Buffer.from('frontier'))
  assert.ok(equals(nodeDigest(cidText(digest)), digest))
  assert.is(
    codeOf(() => nodeDigest(cidText(digest, 'raw'))),
    'ERR_CID',
  )
})

test('a digest of another length is a TypeError', () => {
  assert.throws(() => cidText(new Uint8Array(31)), isTypeError)
  assert.throws(() => cidText(new Uint8Array(33)), isTypeError)
})

const hashes = shared('vectors/multihash/test_cases.csv')
if (hashes === undefined) skip('the multihash cases', 'multihash/test_cases.csv is not there')
else {
  test('of the 260 multihash cases only those of full sha2-256 are accepted', () => {
    const rows = fs.readFileSync(hashes, 'utf8').trim().split('\n').slice(1)
    const read = rows.filter(row => {
      const [algorithm, bits, input, bytes] = row.split(',') as [string, string, string, string]
      const hash = multihash.decode(fromHex(bytes)!)
      const text = CID.createV1(0x71, hash).toString()
      const isOurs = algorithm === 'sha2-256' && bits === '256'
      assert.is(
        codeOf(() => parseCid(text)),
        isOurs ? undefined : 'ERR_CID',
        row,
      )
      if (isOurs) assert.is(`1220${toHex(sha256(Buffer.from(input)))}`, bytes)
      if (isOurs) assert.is(cidText(hash.digest), text)
      return isOurs
    })
    assert.equal([rows.length, read.length], [260, 20])
  })
}

function syntaxCases(file: string): string[] {
  return fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
}

const valid = shared('vectors/atproto-interop/syntax/cid_syntax_valid.txt')
const invalid = shared('vectors/atproto-interop/syntax/cid_syntax_invalid.txt')
if (valid === undefined || invalid === undefined) skip('the atproto CID texts', 'atproto-interop/syntax is not there')
else {
  test('invalid CIDs of atproto are refused; valid ones are accepted if their base and codec are used here', () => {
    for (const text of syntaxCases(invalid)) {
      // Codec dag-pb is what some of these are, by the way: nothing there is read.
      assert.is(
        codeOf(() => parseCid(text)),
        'ERR_CID',
        text,
      )
    }
    for (const text of syntaxCases(valid))
      assert.is(codeOf(() => parseCid(text)) === undefined, libraryReads(text), text)
  })
}

test.run()
