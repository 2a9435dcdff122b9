// Makes protocol/vectors/cbor.json (strict DAG-CBOR as messages use it) and cid.json (the text form
// of CIDs). Written by hand: each negative vector has one fault, in as few bytes as possible.

import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import * as multihash from 'multiformats/hashes/digest'
import { sha256, toHex } from '../../src/base/bytes.ts'
import type { VectorBytes } from '../node/referee.ts'

export interface CborVector {
  name: string
  rule: string
  in: VectorBytes
  /** `value`: what it decodes to, bytes written as `{"hex": …}`; left out where it is long. */
  ok?: { value?: unknown }
  error?: string
}

export interface CidVector {
  name: string
  rule: string
  in: string
  ok?: { codec: string; digest: string }
  error?: string
}

function good(name: string, rule: string, input: VectorBytes, ...value: unknown[]): CborVector {
  return { name, rule, in: input, ok: value.length === 0 ? {} : { value: value[0] } }
}

function bad(name: string, rule: string, input: VectorBytes): CborVector {
  return { name, rule, in: input, error: 'ERR_CBOR' }
}

export function cborVectors(): CborVector[] {
  return [...headVectors(), ...valueVectors(), ...mapVectors(), ...boundVectors()]
}

function headVectors(): CborVector[] {
  return [
    good('one item', 'N1', '01', 1),
    bad('no item', 'N1', ''),
    bad('two items', 'N1', 'a0a0'),
    good('23 in the head itself', 'N2', '17', 23),
    good('24 in one more byte', 'N2', '1818', 24),
    good('256 in two more bytes', 'N2', '190100', 256),
    good('65536 in four more bytes', 'N2', '1a00010000', 65_536),
    good('2^32 in eight more bytes', 'N2', '1b0000000100000000', 4_294_967_296),
    bad('23 in one more byte', 'N2', '1817'),
    bad('255 in two more bytes', 'N2', '1900ff'),
    bad('65535 in four more bytes', 'N2', '1a0000ffff'),
    bad('2^32-1 in eight more bytes', 'N2', '1b00000000ffffffff'),
    bad('the length of bytes in one byte too many', 'N2', '580101'),
    bad('the size of a map in one byte too many', 'N2', 'b801616101'),
    bad('an array of indefinite length', 'N2', '9f01ff'),
    bad('text of indefinite length', 'N2', '7f6161ff'),
    bad('a reserved head', 'N2', '1c'),
    bad('a lone break', 'N2', 'ff'),
    good('bytes that end with the input', 'N3', '43010203', { hex: '010203' }),
    bad('bytes longer than the input', 'N3', '430102'),
    bad('bytes that claim 2^32', 'N3', '5b0000000100000000'),
    bad('an array that claims 2^31 items', 'N3', '9a80000000'),
    bad('a map without its last value', 'N3', 'a16161'),
    bad('a number cut short', 'N3', '1a0000'),
  ]
}

function valueVectors(): CborVector[] {
  return [
    good('2^53-1', 'N4', '1b001fffffffffffff', Number.MAX_SAFE_INTEGER),
    good('-(2^53-1)', 'N4', '3b001ffffffffffffe', Number.MIN_SAFE_INTEGER),
    bad('2^53', 'N4', '1b0020000000000000'),
    bad('-2^53', 'N4', '3b001fffffffffffff'),
    bad('2^64-1', 'N4', '1bffffffffffffffff'),
    good('false, true and null', 'N5', '83f4f5f6', [false, true, null]),
    bad('undefined', 'N5', 'f7'),
    bad('1.5 as a float of 8 bytes', 'N5', 'fb3ff8000000000000'),
    bad('1.5 as a float of 2 bytes', 'N5', 'f93e00'),
    bad('false in two bytes', 'N5', 'f814'),
    bad('an unassigned simple value', 'N5', 'e0'),
    good('text with NUL, ESC and a combining accent', 'N6', '6761001b5b65cc81', 'a\u0000\u001b[e\u0301'),
    bad('an overlong NUL', 'N6', '62c080'),
    bad('a surrogate', 'N6', '63eda080'),
    bad('a surrogate pair, each by itself', 'N6', '66eda081edb080'),
    bad('a character above U+10FFFF', 'N6', '64f4908080'),
    bad('text cut inside a character', 'N6', '62e282'),
    bad('text that begins with U+FEFF', 'N6', '64efbbbf61'),
    good('bytes in place of a link', 'N9', `5820${'ab'.repeat(32)}`, { hex: 'ab'.repeat(32) }),
    bad('a link in a message', 'N9', `d82a58250001711220${'ab'.repeat(32)}`),
    bad('a tag other than 42', 'N9', 'c11a514b67b0'),
    bad('tag 42 over null', 'N9', 'd82af6'),
    bad('tag 42 over one zero byte', 'N9', 'd82a4100'),
  ]
}

function mapVectors(): CborVector[] {
  return [
    good('the shorter key first', 'N7', 'a261620262616101', { b: 2, aa: 1 }),
    good(
      'keys that mean something to JavaScript',
      'N7',
      'a2695f5f70726f746f5f5fa06b636f6e7374727563746f7201',
      JSON.parse('{"__proto__":{},"constructor":1}'),
    ),
    good('the empty key', 'N7', 'a16001', { '': 1 }),
    bad('the longer key first', 'N7', 'a262616101616202'),
    bad('keys of one length not sorted', 'N7', 'a2616202616101'),
    bad('a key twice', 'N7', 'a2616101616102'),
    bad('a key that is a number', 'N7', 'a10101'),
    bad('a key that is bytes', 'N7', 'a1416101'),
    bad('a key that is no UTF-8', 'N7', 'a161ff01'),
    good('a slash and a digit inside of keys', 'N8', 'a2622f610162613102', { '/a': 1, a1: 2 }),
    bad('the key /', 'N8', 'a1612f01'),
    bad('a key of digits', 'N8', 'a1643130323301'),
    bad('a key that begins with a digit', 'N8', 'a162316101'),
  ]
}

function boundVectors(): CborVector[] {
  const nested = (levels: number): VectorBytes => [{ byte: '81', times: levels }, '00']
  const zeros = (count: number): VectorBytes => [
    `9a${count.toString(16).padStart(8, '0')}`,
    { byte: '00', times: count },
  ]
  return [
    good('32 arrays, one in another', 'N10', nested(32)),
    bad('33 arrays, one in another', 'N10', nested(33)),
    bad('100000 arrays, one in another', 'N10', nested(100_000)),
    good('131072 items', 'N10', zeros(131_071)),
    bad('131073 items', 'N10', zeros(131_072)),
  ]
}

export function cidVectors(): CidVector[] {
  const digest = sha256(Buffer.from('frontier'))
  const sha2 = multihash.create(0x12, digest)
  const text = CID.createV1(0x71, sha2).toString()
  const refused = (name: string, rule: string, input: string): CidVector => ({
    name,
    rule,
    in: input,
    error: 'ERR_CID',
  })
  const read = (name: string, codec: string, code: number): CidVector => {
    return { name, rule: 'N21', in: CID.createV1(code, sha2).toString(), ok: { codec, digest: toHex(digest) } }
  }
  return [
    read('a node', 'dag-cbor', 0x71),
    read('a raw document', 'raw', 0x55),
    { ...read('version 1, dag-cbor, sha2-256', 'dag-cbor', 0x71), rule: 'N20' },
    refused('CID version 0', 'N20', CID.createV0(sha2).toString()),
    refused('codec dag-pb', 'N20', CID.createV1(0x70, sha2).toString()),
    refused('the identity hash', 'N20', CID.createV1(0x71, multihash.create(0, digest)).toString()),
    refused(
      'sha2-256 cut to 20 bytes',
      'N20',
      CID.createV1(0x71, multihash.create(0x12, digest.subarray(12))).toString(),
    ),
    refused('base58', 'N21', CID.createV1(0x71, sha2).toString(base58btc)),
    refused('upper case', 'N21', text.toUpperCase()),
    refused('one letter in upper case', 'N21', `${text.slice(0, -1)}${text.slice(-1).toUpperCase()}`),
    refused('a space in front', 'N21', ` ${text}`),
    refused('a line feed behind', 'N21', `${text}\n`),
    refused('padding', 'N21', `${text}=`),
    refused('cut short', 'N21', text.slice(0, -1)),
    refused('spare bits that are not zero', 'N21', `${text.slice(0, -1)}${text.endsWith('b') ? 'd' : 'b'}`),
    refused('empty', 'N21', ''),
  ]
}
