// Peers, and the checks of their id, URL and note.
// The checks are stricter than the reference's: an id is shown to people and a URL is dialled, so
// neither may contain characters that a terminal or a URL parser treats specially.
// Spec: protocol/admission.md, D19 to D21.

import { toHex } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { REGISTRY_LIMITS } from '../base/limits.ts'
import { isLoopback } from '../base/loopback.ts'
import { parsePublicKey } from '../crypto/key.ts'

/** Another registered hub. */
export interface Peer {
  /** Shown to people; unique within a registry. */
  readonly id: string
  /** Where the peer is reached; empty if it states no URL. */
  readonly url: string
  /** 64 lower-case hex digits. */
  readonly publicKey: string
  /** RFC 3339. */
  readonly addedAt: string
  /** One line of text for people. Never sent to others. */
  readonly note?: string
  /** Direction of a live link, seen from this side; absent: no link. Never sent to others. */
  readonly live?: LiveMode
  /** Nodes that it may push to a hub in a minute; absent: the default. Never sent to others. */
  readonly nodesPerMinute?: number
}

/** Direction of nodes on a link, seen from the side that dials. */
export type LiveMode = 'pull' | 'push' | 'both'

/** Settings of a peer's link. */
export type LiveSetting = 'off' | LiveMode

/** All settings, for help and checks. */
export const LIVE_SETTINGS: readonly LiveSetting[] = ['off', 'pull', 'push', 'both']

/** The members of a registered peer that can change. Its key is rotated instead. */
export interface PeerChange {
  readonly url?: string
  readonly live?: LiveSetting
  /** Nodes that the peer may push in a minute: at least 1; `default` removes the setting. */
  readonly nodesPerMinute?: number | 'default'
  /** Allows `ws` and `http` to another machine. */
  readonly allowPlain?: boolean
}

/** A peer to register. */
export interface PeerDraft {
  readonly id: string
  readonly url: string
  /** 64 hex digits. */
  readonly publicKey: string
  /** RFC 3339. */
  readonly addedAt: string
  readonly note?: string
  /** Absent: off for a new peer, unchanged for a registered one. */
  readonly live?: LiveSetting
  /** Allows `ws` and `http` to another machine. */
  readonly allowPlain?: boolean
}

/**
 * Words of letters, digits, marks and symbols with single spaces between them: no control
 * characters, no bidi overrides.
 */
const ID_PATTERN = /^[^\p{C}\p{Z}]+(?: [^\p{C}\p{Z}]+)*$/u
const NOTE_PATTERN = /^[^\p{C}\p{Zl}\p{Zp}]*$/u
/** A backslash counts as a slash in a web URL, so `https:\\a` would not be what it looks like. */
const URL_PATTERN = /^(?:https?|wss?):\/\/[^\p{C}\p{Z}\\#]+$/iu
const SECURE = new Set(['https:', 'wss:'])

/**
 * Checks a draft and validates its key.
 * @throws ReplicaError ERR_PEER_ID, ERR_PEER_URL, ERR_KEY
 */
export function readPeerDraft({ id, url, publicKey, addedAt, note = '', live, allowPlain = false }: PeerDraft): Peer {
  checkPeerId(id)
  checkPeerUrl(url, { allowPlain })
  checkNote(note)
  const key = toHex(parsePublicKey(publicKey))
  return withLive({ id, url, publicKey: key, addedAt, ...(note !== '' && { note }) }, live)
}

/**
 * Returns a registered peer with another URL or link setting.
 * @throws ReplicaError ERR_PEER_URL; TypeError if `nodesPerMinute` is not a positive integer
 */
export function changePeer(peer: Peer, { url, live, nodesPerMinute, allowPlain = false }: PeerChange): Peer {
  if (url !== undefined) checkPeerUrl(url, { allowPlain })
  return withQuota(withLive(url === undefined ? peer : { ...peer, url }, live), nodesPerMinute)
}

function withQuota(peer: Peer, nodesPerMinute: PeerChange['nodesPerMinute']): Peer {
  if (nodesPerMinute === undefined) return peer
  const { nodesPerMinute: _, ...rest } = peer
  if (nodesPerMinute === 'default') return rest
  if (!isQuota(nodesPerMinute)) throw new TypeError('nodesPerMinute must be a positive integer')
  return { ...rest, nodesPerMinute }
}

/** Returns whether a value can limit the nodes a minute. */
export function isQuota(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

function withLive(peer: Peer, live: LiveSetting | undefined): Peer {
  if (live === undefined) return peer
  const { live: _, ...rest } = peer
  return live === 'off' ? rest : { ...rest, live }
}

/** Returns whether text is one of `LIVE_SETTINGS`. */
export function isLiveSetting(text: string): text is LiveSetting {
  return (LIVE_SETTINGS as readonly string[]).includes(text)
}

/**
 * Checks the id of a peer: 1 to `idBytesMax` bytes of UTF-8.
 * @throws ReplicaError ERR_PEER_ID
 */
export function checkPeerId(id: string): void {
  if (ID_PATTERN.test(id) && Buffer.byteLength(id) <= REGISTRY_LIMITS.idBytesMax) return
  throw new ReplicaError(
    'ERR_PEER_ID',
    `a peer id must be 1 to ${REGISTRY_LIMITS.idBytesMax} bytes of printable text without spaces at its ends`,
  )
}

/**
 * Checks a note: one line of at most `noteBytesMax` bytes of UTF-8.
 * @throws ReplicaError ERR_PEER_ID
 */
export function checkNote(note: string): void {
  if (NOTE_PATTERN.test(note) && Buffer.byteLength(note) <= REGISTRY_LIMITS.noteBytesMax) return
  throw new ReplicaError('ERR_PEER_ID', `a note must be one line of at most ${REGISTRY_LIMITS.noteBytesMax} bytes`)
}

/**
 * Checks the URL of a peer. Allowed are `https` and `wss`; `http` and `ws` for this machine, or for
 * any machine with `allowPlain`. A user name, a password or a fragment is refused.
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
