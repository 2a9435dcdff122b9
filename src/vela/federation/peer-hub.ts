// Peers in the file `.vela/peers.json`: a flat list of records. The reader checks the form of a
// record only. The key is validated when a peer is registered; reading registers nothing.
// Spec: protocol/federation.md, C12–C14.

import { type ErrorCode, ReplicaError } from '../../base/errors.ts'
import { NODE_LIMITS, REGISTRY_LIMITS } from '../../base/limits.ts'
import { expectEnd, openCursor, peek, readItems } from '../../json/parser.ts'
import { printRecord, RecordReader, readRecordAt } from '../../json/record.ts'
import type { Json } from '../../json/value.ts'

/** A peer hub. The member names are the reference's JSON. */
export interface PeerHub {
  readonly id: string
  /** `https://…` */
  readonly url: string
  /** 64 lower-case hex digits: the hub's key, not the key of a frontier's owner. */
  readonly public_key: string
  /** RFC 3339. */
  readonly added_at: string
  readonly note?: string
}

/** Visible text with single plain spaces between words, because it is displayed. */
const VISIBLE = /^[^\p{C}\p{Z}]+(?: [^\p{C}\p{Z}]+)*$/u
const HTTPS = /^https:\/\/[^\p{C}\p{Z}\\/?#@]+(?:[/?][^\p{C}\p{Z}\\#]*)?$/u

/**
 * Reads a list of peers. Further members of a record are dropped.
 * @throws ReplicaError ERR_JSON, ERR_REGISTRY (not a list of records), ERR_PEER_EXISTS (two records
 *   with one id or one key), ERR_PEER_ID (also for the note), ERR_PEER_URL, ERR_KEY, ERR_INSTANT
 */
export function readPeerHubs(text: string | Uint8Array): PeerHub[] {
  const cursor = openCursor(text, 'exact')
  if (peek(cursor) !== '[') throw new ReplicaError('ERR_REGISTRY', 'peers must be a list of records')
  const ids = new Set<string>()
  const peers: PeerHub[] = []
  readItems(cursor, () => {
    const peer = readPeerHub(new Map(readRecordAt(form('ERR_REGISTRY'), cursor, NODE_LIMITS.jsonDepthMax - 1).rest()))
    for (const name of [`id ${peer.id}`, `key ${peer.public_key}`]) {
      if (ids.has(name)) throw new ReplicaError('ERR_PEER_EXISTS', `peer: two records have the ${name}`)
      ids.add(name)
    }
    peers.push(peer)
  })
  expectEnd(cursor)
  return peers
}

/** @throws ReplicaError ERR_PEER_ID (also for the note), ERR_PEER_URL, ERR_KEY, ERR_INSTANT */
function readPeerHub(members: Map<string, Json>): PeerHub {
  const member = (code: ErrorCode) => new RecordReader(form(code), members)
  const fits = (code: ErrorCode, name: string, holds: (text: string) => boolean, wanted: string): string => {
    const text = member(code).string(name)
    if (holds(text)) return text
    throw member(code).refuse(`${name} is not ${wanted}`)
  }
  const { idBytesMax, urlBytesMax, noteBytesMax } = REGISTRY_LIMITS
  const within = (text: string, bytes: number) => Buffer.byteLength(text) <= bytes
  const id = fits('ERR_PEER_ID', 'id', text => VISIBLE.test(text) && within(text, idBytesMax), 'visible text')
  const isUrl = (text: string) => HTTPS.test(text) && within(text, urlBytesMax) && URL.canParse(text)
  const url = fits('ERR_PEER_URL', 'url', isUrl, 'of the form https://host/…')
  const public_key = member('ERR_KEY').hex('public_key', 32)
  const added_at = member('ERR_INSTANT').instant('added_at')
  const note = member('ERR_PEER_ID').optional('note') ?? ''
  if (!within(note, noteBytesMax)) throw member('ERR_PEER_ID').refuse(`note has more than ${noteBytesMax} bytes`)
  return { id, url, public_key, added_at, ...(note !== '' && { note }) }
}

/** Returns the canonical JSON of one record. */
export function printPeerHub(peer: PeerHub): string {
  return printRecord({ ...peer }, new Map())
}

function form(code: ErrorCode): { what: string; code: ErrorCode } {
  return { what: 'peer', code }
}
