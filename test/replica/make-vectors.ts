// Makes protocol/vectors/journal.json: `node dist/test/replica/make-vectors.js`. Entries are
// assembled from their parts, without the code under test; a test compares the file with this
// output.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { concat, sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { type CborValue, encodeCbor } from '../../src/cbor/dag-cbor.ts'
import type { Key } from '../../src/crypto/key.ts'
import { eventText, FRONTIER, NOW, seededKey } from '../admission/nodes.ts'
import { repository } from '../shared-data.ts'

export const VECTOR_FILE = path.join(repository, 'protocol', 'vectors', 'journal.json')

const [own, former, foreign] = [seededKey(1), seededKey(2), seededKey(3)] as [Key, Key, Key]

type Members = { [name: string]: CborValue }

interface Deviation {
  readonly key?: Key
  readonly body?: Members
  readonly sig?: Uint8Array
  readonly without?: string
  readonly beside?: Members
}

/** Returns the entry after these. */
function entry(before: readonly Uint8Array[], kind: string, deviation: Deviation = {}): Uint8Array {
  const { key = own } = deviation
  const last = before.at(-1)
  const body: Members = {
    v: 1,
    frontier: FRONTIER,
    number: before.length,
    at: NOW,
    kind,
    facts: { peer: 'hub:main' },
    key: key.publicKeyBytes,
    prev: last === undefined ? null : sha256(last),
    ...deviation.body,
  }
  if (deviation.without !== undefined) delete body[deviation.without]
  const sig = deviation.sig ?? key.sign(concat([utf8('replica/journal/1\n'), encodeCbor(body)]))
  return encodeCbor({ sig, body, ...deviation.beside })
}

interface Vector {
  readonly name: string
  readonly rule: string
  readonly in: { readonly frontier: string; readonly keys: readonly string[]; readonly entries: readonly string[] }
  readonly ok?: { readonly kinds: readonly string[]; readonly hash: string }
  readonly error?: string
}

function inputOf(entries: readonly Uint8Array[]): Vector['in'] {
  return { frontier: FRONTIER, keys: [own.publicKey, former.publicKey], entries: entries.map(toHex) }
}

export function journalVectors(): Vector[] {
  const vectors: Vector[] = []
  const accept = (rule: string, name: string, entries: readonly Uint8Array[], kinds: readonly string[]): void => {
    vectors.push({ name, rule, in: inputOf(entries), ok: { kinds, hash: toHex(sha256(entries.at(-1)!)) } })
  }
  const refuse = (rule: string, name: string, entries: readonly Uint8Array[], error = 'ERR_JOURNAL'): void => {
    vectors.push({ name, rule, in: inputOf(entries), error })
  }
  const first = entry([], 'peer.added')
  const after = (deviation: Deviation) => [first, entry([first], 'sync.pull', deviation)]

  accept('J1', 'one entry', [first], ['peer.added'])
  refuse('J1', 'no DAG-CBOR', [utf8('{}')])
  refuse('J1', 'a list', [encodeCbor([])])
  refuse('J1', 'a member more', after({ body: { note: 'x' } }))
  refuse('J1', 'a member less', after({ without: 'facts' }))
  refuse('J1', 'a member beside the body', after({ beside: { more: 1 } }))
  refuse('J1', 'another version', after({ body: { v: 2 } }))
  refuse('J1', 'another frontier', after({ body: { frontier: 'vfr_0000000000000001' } }))
  refuse('J1', 'a number left out', after({ body: { number: 2 } }))
  refuse('J1', 'facts that are no map', after({ body: { facts: [] } }))

  accept(
    'J2',
    'by a former key, then by the present one',
    [entry([], 'peer.added', { key: former }), entry([entry([], 'peer.added', { key: former })], 'key.rotated')],
    ['peer.added', 'key.rotated'],
  )
  refuse('J2', 'by a key of somebody else', after({ key: foreign }))
  refuse('J2', 'a signature of zeros', after({ sig: new Uint8Array(64) }))
  refuse('J2', 'a signature that is too short', after({ sig: new Uint8Array(63) }))
  const unmarked = {
    v: 1,
    frontier: FRONTIER,
    number: 0,
    at: NOW,
    kind: 'x',
    facts: {},
    key: own.publicKeyBytes,
    prev: null,
  }
  refuse('J2', 'a signature of the body alone', [
    entry([], 'x', { body: { facts: {} }, sig: own.sign(encodeCbor(unmarked)) }),
  ])

  accept('J3', 'a second entry', after({}), ['peer.added', 'sync.pull'])
  refuse('J3', 'a link to something else', after({ body: { prev: sha256(utf8('else')) } }))
  refuse('J3', 'no link', after({ body: { prev: null } }))
  refuse('J3', 'a first entry with a link', [entry([], 'x', { body: { prev: sha256(utf8('before')) } })])

  const event = Buffer.from(eventText('seen')).toString('utf8')
  accept('J4', 'an event', after({ body: { event } }), ['peer.added', 'sync.pull'])
  refuse(
    'J4',
    'an event of another content than its id says',
    after({ body: { event: event.replace('seen', 'same') } }),
    'ERR_EVENT_ID',
  )
  refuse('J4', 'an event with spaces', after({ body: { event: ` ${event}` } }), 'ERR_JSON_CANONICAL')
  refuse('J4', 'an event that is no text', after({ body: { event: 1 } }))

  const old = encodeCbor({ at: NOW, kind: 'peer.added', facts: {} })
  accept('J6', 'unsigned ones, then signed ones', [old, entry([old], 'sync.pull')], ['peer.added', 'sync.pull'])
  refuse('J6', 'an unsigned one behind a signed one', [first, old])
  return vectors
}

export function vectorText(): string {
  return `[\n${journalVectors()
    .map(vector => `  ${JSON.stringify(vector)}`)
    .join(',\n')}\n]\n`
}

if (process.argv[1]?.endsWith('replica/make-vectors.js')) fs.writeFileSync(VECTOR_FILE, vectorText())
