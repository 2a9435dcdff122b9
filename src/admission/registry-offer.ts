// Encodes and decodes the registry that one hub offers to another, signed by the hub's key.
// An offer states what that hub declares for one frontier. It changes nothing here: a person
// decides whether to adopt it. It contains no notes. One list has one encoding: entries ascend,
// heads of a cut ascend.
// Spec: protocol/admission.md, D26.

import { compare, concat, type Digest, fromHex, toHex, utf8 } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { REGISTRY_LIMITS } from '../base/limits.ts'
import { type CborValue, decodeCbor, encodeCbor } from '../cbor/dag-cbor.ts'
import { verify } from '../crypto/ed25519.ts'
import type { Key } from '../crypto/key.ts'
import { checkPeerId, checkPeerUrl } from './peer.ts'

const DOMAIN = utf8('replica/registry/1\n')
const VERSION = 1

/** A peer in an offer. */
export interface OfferedPeer {
  readonly id: string
  /** Empty for a hub that states no URL. */
  readonly url: string
  /** 64 hex digits. */
  readonly publicKey: string
}

/** A cut in an offer. */
export interface OfferedCut {
  readonly id: string
  /** 64 hex digits. */
  readonly publicKey: string
  /** Hex digests, ascending. */
  readonly heads: readonly string[]
}

/** A decoded offer. */
export interface RegistryOffer {
  readonly frontier: string
  /** The hub that makes the offer. */
  readonly hub: OfferedPeer
  readonly peers: readonly OfferedPeer[]
  readonly cuts: readonly OfferedCut[]
}

/**
 * Encodes and signs an offer.
 * @throws ReplicaError ERR_REGISTRY if it is larger than `offerBytesMax`
 */
export function encodeOffer(offer: RegistryOffer, key: Key): Uint8Array {
  const body = encodeCbor({
    v: VERSION,
    frontier: offer.frontier,
    hub: peerItem(offer.hub),
    peers: offer.peers.map(peerItem),
    cuts: offer.cuts.map(cut => [cut.id, fromHex(cut.publicKey)!, concat(cut.heads.map(head => fromHex(head)!))]),
  })
  const bytes = encodeCbor({ body, sig: key.sign(concat([DOMAIN, body])) })
  if (bytes.length > REGISTRY_LIMITS.offerBytesMax) {
    throw new ReplicaError('ERR_REGISTRY', `the registry is too large to offer: ${bytes.length} bytes`)
  }
  return bytes
}

/**
 * Decodes an offer of this frontier that this hub signed.
 * @throws ReplicaError ERR_REGISTRY for anything else
 */
export function decodeOffer(bytes: Uint8Array, expected: { hubKey: Uint8Array; frontier: string }): RegistryOffer {
  if (bytes.length > REGISTRY_LIMITS.offerBytesMax) refuse('too large')
  const { body, sig } = mapOf(decoded(bytes), ['sig', 'body'])
  if (!(body instanceof Uint8Array) || !(sig instanceof Uint8Array)) return refuse('a member has the wrong type')
  if (!verify(expected.hubKey, concat([DOMAIN, body]), sig)) refuse('its signature is not by the hub that was asked')
  const { v, frontier, hub, peers, cuts } = mapOf(decoded(body), ['v', 'hub', 'cuts', 'peers', 'frontier'])
  if (v !== VERSION) refuse('an unknown version')
  if (frontier !== expected.frontier) refuse('it is about another frontier')
  const offer: RegistryOffer = {
    frontier: expected.frontier,
    hub: readPeer(hub),
    peers: listOf(peers).map(readPeer),
    cuts: listOf(cuts).map(readCut),
  }
  if (offer.hub.publicKey !== toHex(expected.hubKey)) refuse('it names another key than the one that signed it')
  checkAscending(offer.peers.map(peer => utf8(peer.id)))
  checkAscending(offer.cuts.map(cut => utf8(cut.publicKey)))
  const entries = [offer.hub, ...offer.peers, ...offer.cuts]
  if (new Set(entries.map(entry => entry.publicKey)).size !== entries.length) refuse('a key twice')
  return offer
}

function peerItem({ id, url, publicKey }: OfferedPeer): CborValue {
  return [id, url, fromHex(publicKey)!]
}

function readPeer(item: CborValue | undefined): OfferedPeer {
  const [id, url, key] = tupleOf(item)
  if (typeof url !== 'string') return refuse('a URL that is not text')
  checked(() => {
    if (url !== '') checkPeerUrl(url, { allowPlain: true })
  })
  return { id: readId(id), url, publicKey: readKey(key) }
}

function readCut(item: CborValue): OfferedCut {
  const [id, key, bytes] = tupleOf(item)
  if (!(bytes instanceof Uint8Array) || bytes.length % 32 !== 0) return refuse('heads that are not digests')
  if (bytes.length / 32 > REGISTRY_LIMITS.cutHeadsMax) refuse(`a cut of more than ${REGISTRY_LIMITS.cutHeadsMax} heads`)
  const heads = splitDigests(bytes)
  checkAscending(heads)
  return { id: readId(id), publicKey: readKey(key), heads: heads.map(toHex) }
}

/** Splits concatenated digests of 32 bytes. */
export function splitDigests(bytes: Uint8Array): Digest[] {
  return Array.from({ length: bytes.length / 32 }, (_, i) => bytes.slice(i * 32, i * 32 + 32))
}

function readId(id: CborValue | undefined): string {
  if (typeof id !== 'string') return refuse('an id that is not text')
  checked(() => checkPeerId(id))
  return id
}

/** Reads the form only: a key is validated when it is adopted. */
function readKey(key: CborValue | undefined): string {
  return key instanceof Uint8Array && key.length === 32 ? toHex(key) : refuse('a key that is not 32 bytes')
}

function decoded(bytes: Uint8Array): CborValue {
  return checked(() => decodeCbor(bytes))
}

/** Reports an error inside an offer as an error of the offer. */
function checked<T>(check: () => T): T {
  try {
    return check()
  } catch (cause) {
    if (!(cause instanceof ReplicaError)) throw cause
    throw new ReplicaError('ERR_REGISTRY', `not a registry offer: ${cause.message}`, { cause })
  }
}

function mapOf(value: CborValue, names: readonly string[]): Record<string, CborValue | undefined> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) {
    return refuse('not a map')
  }
  const present = Object.keys(value)
  if (present.length !== names.length || names.some(name => !present.includes(name)))
    refuse('missing or unknown members')
  return value
}

function listOf(value: CborValue | undefined): CborValue[] {
  if (!Array.isArray(value)) return refuse('not a list')
  if (value.length > REGISTRY_LIMITS.peersMax) refuse(`more than ${REGISTRY_LIMITS.peersMax} entries`)
  return value
}

function tupleOf(value: CborValue | undefined): CborValue[] {
  return Array.isArray(value) && value.length === 3 ? value : refuse('an entry without exactly three items')
}

function checkAscending(list: readonly Uint8Array[]): void {
  for (let i = 1; i < list.length; i++)
    if (compare(list[i - 1]!, list[i]!) >= 0) refuse('entries that are repeated or not sorted')
}

function refuse(reason: string): never {
  throw new ReplicaError('ERR_REGISTRY', `not a registry offer: ${reason}`)
}
