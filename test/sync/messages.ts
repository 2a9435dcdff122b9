// Every message once as it should be and once broken, for protocol/vectors/message.json.

import { sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { type CborValue, encodeCbor } from '../../src/cbor/dag-cbor.ts'
import { encodeMessage, type Message } from '../../src/sync/message.ts'
import { FRONTIER } from './local.ts'

export interface MessageVector {
  readonly name: string
  readonly rule: string
  readonly in: string
  readonly ok?: { readonly t: string }
  readonly error?: string
}

const id = sha256(utf8('a node'))
const key = sha256(utf8('a key'))
const store = id.subarray(0, 16)
const view = {
  store,
  count: 3,
  headCount: 1,
  digest: sha256(id),
  trace: sha256(store),
  registry: sha256(key),
  heads: [id],
  more: false,
  cursor: { store, seq: 2, trace: sha256(key) },
}
const report = {
  admitted: 1,
  known: 2,
  held: [{ id, key }],
  heldCount: 1,
  refused: [{ id, code: 'ERR_NODE_SIGNATURE' }],
  refusedCount: 1,
  count: 4,
  digest: sha256(id),
  complete: false,
}
const conflict = {
  conflict: 'vcx_0123456789abcdef',
  kind: 'confidence_diverged',
  field: 'confidence',
  events: ['vev_0123456789abcdef', 'vev_fedcba9876543210'],
  finding: 'vf_0123456789abcdef',
  contested: false,
}
const unknown = { ...conflict, kind: null, field: null, finding: null, contested: true }
const limits = { frame: 2_097_152, creditBytes: 2_097_152, creditNodes: 4096 }

type Broken = readonly [name: string, change: { readonly [member: string]: unknown }]

/** Each message, and what is wrong with the others: members changed, added, or (undefined) taken away. */
const messages: readonly (readonly [Message, ...Broken[]])[] = [
  [
    { t: 'hello', versions: [2], hub: 'hub:main', key, nonce: id, caps: ['deflate'], limits },
    ['without a version', { versions: [] }],
    ['with a short nonce', { nonce: store }],
    ['with limits that lack one', { limits: { frame: 1, creditBytes: 1 } }],
    ['with a hub id of 129 bytes', { hub: `hub:${'ü'.repeat(62)}x` }],
    ['without a hub id', { hub: '' }],
  ],
  [
    { t: 'proof', sig: Buffer.concat([id, id]) },
    ['with a signature of 63 bytes', { sig: Buffer.concat([id, id]).subarray(1) }],
  ],
  [
    { t: 'error', ch: null, code: 'ERR_SYNC_ORDER', message: 'not now' },
    ['without a channel', { ch: undefined }],
    ['with 1,025 bytes of text', { message: 'x'.repeat(1025) }],
  ],
  [{ t: 'list' }, ['with something in it', { all: true }]],
  [
    { t: 'frontiers', items: [{ frontier: FRONTIER, count: 3, digest: id }] },
    ['with a name that is none', { items: [{ frontier: 'vfr_A', count: 3, digest: id }] }],
  ],
  [{ t: 'registry', frontier: FRONTIER }, ['of no frontier', { frontier: '' }]],
  [{ t: 'peers', frontier: FRONTIER, data: utf8('signed list') }, ['with text for bytes', { data: 'signed list' }]],
  [
    { t: 'open', ch: 1, frontier: FRONTIER, mode: 'pull', ...view },
    ['in a mode that is none', { mode: 'live' }],
    ['that says that it is not live', { live: false }],
    ['without a cursor', { cursor: undefined }],
    ['without a trace', { trace: undefined }],
    ['that keeps all texts by name', { texts: 'all' }],
    ['with a filter that has no member', { texts: {} }],
    ['with a filter of an unknown member', { texts: { before: '2026-01-01T00:00:00Z' } }],
    ['with a filter of no kind', { texts: { kinds: [] } }],
    ['with a filter of 65 kinds', { texts: { kinds: Array(65).fill('k') } }],
    ['with a filter of a long name', { texts: { targets: ['x'.repeat(257)] } }],
    ['with 1,025 heads', { heads: Array.from({ length: 1025 }, () => id) }],
  ],
  [{ t: 'open', ch: 1, frontier: FRONTIER, mode: 'both', live: true, ...view }, ['live by a number', { live: 1 }]],
  [
    { t: 'opened', ch: 1, ...view },
    ['that is live', { live: true }],
    ['with a frontier', { frontier: FRONTIER }],
    ['with a cursor of no store', { cursor: { seq: 2, trace: id } }],
    ['with a cursor without a trace', { cursor: { store, seq: 2 } }],
  ],
  [{ t: 'opened', ch: 1, ...view, texts: 'none' }, ['that keeps no texts by a flag', { texts: false }]],
  [{ t: 'heads', ch: 1, heads: [id], more: true }, ['with a head of 31 bytes', { heads: [id.subarray(1)] }]],
  [{ t: 'offer', ch: 1, ids: [id] }, ['of nothing', { ids: [] }]],
  [
    { t: 'have', ch: 1, stored: Uint8Array.of(1), held: Uint8Array.of(0) },
    ['with 129 bytes of answer', { stored: new Uint8Array(129) }],
  ],
  [
    { t: 'blocks', ch: 1, nodes: [utf8('a node')] },
    ['without a node', { nodes: [] }],
    ['with an empty node', { nodes: [new Uint8Array(0)] }],
    ['with a number for a node', { nodes: [7] }],
  ],
  [{ t: 'packed', ch: 1, size: 300, data: utf8('packed') }, ['with a negative size', { size: -1 }]],
  [{ t: 'ack', ch: 1, nodes: 3, bytes: 900 }, ['without bytes', { bytes: undefined }]],
  [{ t: 'want', ch: 1, ids: [id] }, ['of 257 ids', { ids: Array.from({ length: 257 }, () => id) }]],
  [
    { t: 'texts', ch: 1, ids: [id], match: { kinds: ['finding.noted'], since: '2026-01-01T00:00:00Z' } },
    ['of no node', { ids: [] }],
    ['with a filter that has no member', { match: {} }],
  ],
  [{ t: 'lack', ch: 1, ids: [id] }, ['of one id that is no list', { ids: id }]],
  [{ t: 'end', ch: 1, seq: 3, digest: id, nodes: 2 }, ['with a digest as text', { digest: toHex(id) }]],
  [
    { t: 'report', ch: 1, ...report, opened: { count: 300, items: [conflict, unknown] } },
    ['with a held node without its key', { held: [{ id }] }],
    ['with 257 refused nodes', { refused: Array.from({ length: 257 }, () => ({ id, code: 'ERR_CBOR' })) }],
    ['with conflicts and no word of how many', { opened: { items: [conflict] } }],
    ['with a conflict that is nothing', { opened: { count: 1, items: [{}] } }],
    ['with 257 conflicts', { opened: { count: 257, items: Array.from({ length: 257 }, () => conflict) } }],
    [
      'with a conflict between 65 events',
      { opened: { count: 1, items: [{ ...conflict, events: Array(65).fill('') }] } },
    ],
    ['with a kind of 65 bytes', { opened: { count: 1, items: [{ ...conflict, kind: 'k'.repeat(65) }] } }],
    ['with a finding of 257 bytes', { opened: { count: 1, items: [{ ...conflict, finding: 'f'.repeat(257) }] } }],
    ['with what may be left out as null', { opened: null }],
  ],
  [{ t: 'stop', ch: 1 }, ['with a reason', { code: 'ERR_ABORTED' }]],
  [{ t: 'close', ch: 1 }, ['of no channel', { ch: null }]],
]

/** Frames that are no message at all, by hand. */
const notMessages: readonly (readonly [rule: string, name: string, frame: Uint8Array])[] = [
  ['S3', 'an empty frame', new Uint8Array(0)],
  ['S3', 'a frame cut short', encodeMessage({ t: 'list' }).subarray(0, -1)],
  ['S3', 'a byte behind the message', Buffer.concat([encodeMessage({ t: 'list' }), Uint8Array.of(0)])],
  ['S3', 'JSON', utf8('{"t":"list"}')],
  ['S3', 'a length in two bytes where one is enough', Buffer.from('a1617478046c697374', 'hex')],
  ['S3', 'a map of unknown length', Buffer.from('bf6174646c697374ff', 'hex')],
  ['S3', 'keys out of order', Buffer.from('a262636801617465636c6f7365', 'hex')],
  ['S3', 'a key twice', Buffer.from('a26174646c6973746174646c697374', 'hex')],
  ['S3', 'a number as a float', Buffer.from('a2617465636c6f7365626368fb3ff0000000000000', 'hex')],
  ['S3', 'lists inside each other, 33 deep', nested(33)],
  ['S4', 'a list in place of a map', encodeCbor(['list'])],
  ['S4', 'a map without a type', encodeCbor({ ch: 1 })],
  ['S4', 'a type that is no text', encodeCbor({ t: 7 })],
  ['S4', 'a type of no message', encodeCbor({ t: 'shout' })],
  ['S4', 'a type that every object of JavaScript has', encodeCbor({ t: 'constructor' })],
]

function nested(depth: number): Uint8Array {
  return Buffer.concat([Buffer.from('a16174', 'hex'), Buffer.alloc(depth, 0x81), Uint8Array.of(0)])
}

function nameOf(message: Message): string {
  if (message.t === 'open' && message.live) return 'live open'
  return message.t === 'opened' && message.texts ? 'opened without texts' : message.t
}

export function messageVectors(): MessageVector[] {
  const vectors: MessageVector[] = [
    { name: 'the shortest message', rule: 'S3', in: toHex(encodeMessage({ t: 'list' })), ok: { t: 'list' } },
  ]
  for (const [rule, name, frame] of notMessages) vectors.push({ name, rule, in: toHex(frame), error: 'ERR_SYNC_FRAME' })
  for (const [message, ...broken] of messages) {
    const { t } = message
    const name = nameOf(message)
    vectors.push({ name: `a message '${name}'`, rule: 'S4', in: toHex(encodeMessage(message)), ok: { t } })
    vectors.push({ name: `the members of '${name}'`, rule: 'S5', in: toHex(encodeMessage(message)), ok: { t } })
    for (const [how, change] of broken) {
      const members = Object.entries({ ...message, ...change }).filter(([, value]) => value !== undefined)
      const bad = encodeCbor(Object.fromEntries(members) as CborValue)
      vectors.push({ name: `'${t}' ${how}`, rule: 'S5', in: toHex(bad), error: 'ERR_SYNC_FRAME' })
    }
  }
  return vectors
}
