// What a peer is, and the checks of its id, URL and note. They are stricter than the reference's: an id is shown to people
// and a URL is dialled, so neither may hold what a terminal or a URL parser treats specially.
// Specification: protocol/admission.md, D19 to D21.

import { toHex } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { REGISTRY_LIMITS } from '../base/limits.ts'
import { isLoopback } from '../base/loopback.ts'
import { parsePublicKey } from '../crypto/key.ts'

/** A registered other hub. The member names are the reference's JSON. */
export interface Peer {
  readonly id: string
  readonly url: string
  /** 64 lower-case hex digits. */
  readonly public_key: string
  readonly added_at: string
  readonly note?: string
  /** Whether a hub keeps a link to it, and which way nodes flow on it, seen from here; absent: off. Never told to others. */
  readonly live?: LiveMode
}

/** Which way nodes flow on a link, seen from the side that dials. */
export type LiveMode = 'pull' | 'push' | 'both'

/** What may be asked of a peer's link. */
export type LiveSetting = 'off' | LiveMode

export const LIVE_SETTINGS: readonly LiveSetting[] = ['off', 'pull', 'push', 'both']

/** What may be changed of a registered peer; its key is rotated, not changed. */
export interface PeerChange {
  readonly url?: string
  readonly live?: LiveSetting
  /** Accepts `ws` and `http` to another machine. */
  readonly allowPlain?: boolean
}

export interface PeerDraft {
  readonly id: string
  readonly url: string
  /** 64 hex digits. */
  readonly publicKey: string
  readonly addedAt: string
  readonly note?: string
  /** Absent: off for a new peer, as it is for a registered one. */
  readonly live?: LiveSetting
  /** Accepts `ws` and `http` to another machine. */
  readonly allowPlain?: boolean
}

/** Words of letters, digits, marks and symbols, with single plain spaces between them: no control, no bidi override. */
const ID_PATTERN = /^[^\p{C}\p{Z}]+(?: [^\p{C}\p{Z}]+)*$/u
const NOTE_PATTERN = /^[^\p{C}\p{Zl}\p{Zp}]*$/u
/** A backslash counts as a slash in a web URL, so `https:\\a` would read as something else than it looks. */
const URL_PATTERN = /^(?:https?|wss?):\/\/[^\p{C}\p{Z}\\#]+$/iu
const SECURE = new Set(['https:', 'wss:'])

/** A draft checked whole, its key vetted. @throws ReplicaError ERR_PEER_ID, ERR_PEER_URL, ERR_KEY */
export function readPeerDraft({ id, url, publicKey, addedAt, note = '', live, allowPlain = false }: PeerDraft): Peer {
  checkPeerId(id)
  checkPeerUrl(url, { allowPlain })
  checkNote(note)
  const public_key = toHex(parsePublicKey(publicKey))
  return withLive({ id, url, public_key, added_at: addedAt, ...(note !== '' && { note }) }, live)
}

/** A registered peer with another URL or another setting of its link. @throws ReplicaError ERR_PEER_URL */
export function changePeer(peer: Peer, { url, live, allowPlain = false }: PeerChange): Peer {
  if (url !== undefined) checkPeerUrl(url, { allowPlain })
  return withLive(url === undefined ? peer : { ...peer, url }, live)
}

function withLive(peer: Peer, live: LiveSetting | undefined): Peer {
  if (live === undefined) return peer
  const { live: _, ...rest } = peer
  return live === 'off' ? rest : { ...rest, live }
}

export function isLiveSetting(text: string): text is LiveSetting {
  return (LIVE_SETTINGS as readonly string[]).includes(text)
}

/** @throws ReplicaError ERR_PEER_ID */
export function checkPeerId(id: string): void {
  if (ID_PATTERN.test(id) && Buffer.byteLength(id) <= REGISTRY_LIMITS.idBytesMax) return
  throw new ReplicaError(
    'ERR_PEER_ID',
    `a peer id must be 1 to ${REGISTRY_LIMITS.idBytesMax} bytes of printable text without spaces at its ends`,
  )
}

/** @throws ReplicaError ERR_PEER_ID */
export function checkNote(note: string): void {
  if (NOTE_PATTERN.test(note) && Buffer.byteLength(note) <= REGISTRY_LIMITS.noteBytesMax) return
  throw new ReplicaError('ERR_PEER_ID', `a note must be one line of at most ${REGISTRY_LIMITS.noteBytesMax} bytes`)
}

/**
 * `https` and `wss`; `http` and `ws` for this very machine, or for any with `allowPlain`. No user, password or fragment.
 * @throws ReplicaError ERR_PEER_URL
 */
export function checkPeerUrl(text: string, options: { allowPlain: boolean }): void {
  if (Buffer.byteLength(text) > REGISTRY_LIMITS.urlBytesMax || !URL_PATTERN.test(text) || !URL.canParse(text)) {
    throw new ReplicaError('ERR_PEER_URL', 'not a URL of the form wss://host/… or https://host/…')
  }
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') {
    throw new ReplicaError('ERR_PEER_URL', 'a peer URL must not have a user name or password')
  }
  if (SECURE.has(url.protocol) || options.allowPlain || isLoopback(url.hostname)) return
  throw new ReplicaError('ERR_PEER_URL', `${url.protocol}// is allowed for this machine only; use wss:// or https://`)
}
