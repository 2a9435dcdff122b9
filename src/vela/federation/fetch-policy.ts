// Allowed URLs and addresses for requests that other parties cause. Such a URL must not lead to
// this machine, its network or its provider's metadata service, in any spelling of the address.
// Addresses are checked against the allocated global unicast ranges, not against known bad ranges:
// an unknown address counts as private. A name is resolved only when a connection is opened, so the
// caller that connects MUST check each resolved address with isPrivateAddress.
// Spec: protocol/registry-entry.md, E21–E23.

import { ReplicaError } from '../../base/errors.ts'
import { REGISTRY_LIMITS } from '../../base/limits.ts'

/**
 * Returns true for every address that is not global unicast, and for text that is not an address.
 */
export function isPrivateAddress(text: string): boolean {
  const four = parseIPv4(text)
  if (four !== undefined) return isPrivateIPv4(four)
  const six = parseIPv6(text)
  return six === undefined || isPrivateIPv6(six)
}

/** Returns true for an IPv4 or IPv6 address, with or without the URL parser's brackets. */
export function isAddress(text: string): boolean {
  return parseIPv4(text) !== undefined || parseIPv6(text) !== undefined
}

/** Four decimal numbers without leading zeros: some parsers read those as octal. */
function parseIPv4(text: string): number[] | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1)
  if (parts === undefined || parts.some(part => Number(part) > 255 || /^0./.test(part))) return undefined
  return parts.map(Number)
}

/** Base address and prefix length: RFC 6890 and its successors, multicast, class E. */
const PRIVATE_IPV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]

function isPrivateIPv4(address: readonly number[]): boolean {
  return PRIVATE_IPV4.some(([base, bits]) => sharesBits(address, parseIPv4(base)!, { bits, unit: 8 }))
}

/**
 * Ranges inside global unicast, 2000::/3: protocol assignments (Teredo, ORCHID), documentation,
 * 6to4.
 */
const PRIVATE_IPV6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

function isPrivateIPv6(address: readonly number[]): boolean {
  const under = (base: string, bits: number) => sharesBits(address, parseIPv6(base)!, { bits, unit: 16 })
  // A mapped (RFC 4291) or translated (RFC 6052) address counts as its IPv4 address.
  if (under('::ffff:0:0', 96) || under('64:ff9b::', 96)) {
    const [high, low] = address.slice(6) as [number, number]
    return isPrivateIPv4([high >> 8, high & 255, low >> 8, low & 255])
  }
  return !under('2000::', 3) || PRIVATE_IPV6.some(([base, bits]) => under(base, bits))
}

function sharesBits(a: readonly number[], b: readonly number[], prefix: { bits: number; unit: number }): boolean {
  for (let bit = 0; bit < prefix.bits; bit++) {
    const at = Math.floor(bit / prefix.unit)
    const mask = 1 << (prefix.unit - 1 - (bit % prefix.unit))
    if ((a[at]! & mask) !== (b[at]! & mask)) return false
  }
  return true
}

/**
 * Returns eight groups. A zone (`%eth0`) names an interface of this machine, so text with a zone is
 * not an address here.
 */
function parseIPv6(text: string): number[] | undefined {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text
  if (bare.length > 45) return undefined
  const [head = '', tail, ...more] = bare.split('::')
  if (more.length > 0) return undefined
  const front = readGroups(head)
  const back = tail === undefined ? [] : readGroups(tail)
  if (front === undefined || back === undefined) return undefined
  const missing = 8 - front.length - back.length
  if (tail === undefined ? missing !== 0 || head === '' : missing < 1) return undefined
  // An IPv4 part may only be at the end.
  if (tail !== undefined && head.includes('.')) return undefined
  return [...front, ...new Array<number>(missing).fill(0), ...back]
}

function readGroups(text: string): number[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  const groups: number[] = []
  for (const [index, part] of parts.entries()) {
    const four = index === parts.length - 1 ? parseIPv4(part) : undefined
    if (four !== undefined) groups.push(four[0]! * 256 + four[1]!, four[2]! * 256 + four[3]!)
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16))
    else return undefined
  }
  return groups
}

/** Which URLs may be fetched. */
export interface FetchPolicy {
  /** Allows hosts of this machine and of private networks; for operators of a closed network. */
  readonly allowPrivate: boolean
  /**
   * Allows `http` to any host. Without it `http` is allowed to private hosts only, if these are
   * allowed.
   */
  readonly allowPlain: boolean
  /**
   * An origin that the operator configured: its host may look private. URLs at other origins are
   * still untrusted.
   */
  readonly named?: string
}

/**
 * Refuses backslashes, control characters and spaces: a URL with them looks different from what a
 * client dials.
 */
const WEB_URL = /^https?:\/\/[^\p{C}\p{Z}\\#]+$/iu

/**
 * Checks that the policy allows a URL; a host name is not resolved.
 * @throws ReplicaError ERR_PEER_URL
 */
export function checkFetchUrl(text: string, policy: FetchPolicy): void {
  const refusal = urlFault(text, policy)
  if (refusal !== undefined) throw new ReplicaError('ERR_PEER_URL', refusal)
}

function urlFault(text: string, policy: FetchPolicy): string | undefined {
  if (Buffer.byteLength(text) > REGISTRY_LIMITS.urlBytesMax) return 'the URL is too long'
  if (!WEB_URL.test(text) || !URL.canParse(text)) return 'not a URL of the form https://host/…'
  const { protocol, username, password, hostname } = new URL(text)
  if (username !== '' || password !== '') return 'the URL must not contain a user name or password'
  const isPrivate = isPrivateHost(hostname)
  if (isPrivate && !mayBePrivate(text, policy)) return `${hostname} is on this machine or in a private network`
  if (protocol === 'http:' && !policy.allowPlain && !isPrivate) return 'http:// is not encrypted; use https://'
  return undefined
}

/**
 * Returns whether the host of the URL may resolve to an address in a private network. A configured
 * origin with a public name may not.
 */
export function mayBePrivate(url: string, { allowPrivate, named }: FetchPolicy): boolean {
  if (allowPrivate || named === undefined) return allowPrivate
  const { origin, hostname } = new URL(url)
  return origin === named && isPrivateHost(hostname)
}

/**
 * Returns true for a literal private address and for names of this machine or network. Trailing
 * dots are ignored.
 */
function isPrivateHost(hostname: string): boolean {
  if (isAddress(hostname)) return isPrivateAddress(hostname)
  const name = hostname.toLowerCase().replace(/\.+$/, '')
  const last = name.slice(name.lastIndexOf('.') + 1)
  return name === '' || !name.includes('.') || PRIVATE_NAMES.has(last) || name.endsWith('.home.arpa')
}

/**
 * Top-level names that public name servers do not serve (RFC 6761, RFC 6762, ICANN's `internal`).
 */
const PRIVATE_NAMES = new Set(['localhost', 'local', 'internal', 'lan', 'home', 'corp'])

/**
 * Returns the target of a redirect from `from` with this `Location`; undefined if it must not be
 * followed: to another scheme, host or port, or to a URL that the policy refuses.
 */
export function redirectTarget(from: string, location: string, policy: FetchPolicy): string | undefined {
  if (Buffer.byteLength(location) > REGISTRY_LIMITS.urlBytesMax || !URL.canParse(location, from)) return undefined
  const target = new URL(location, from)
  target.hash = ''
  if (!mayFollow(from, target.href) || urlFault(target.href, policy) !== undefined) return undefined
  return target.href
}

/**
 * Returns whether a redirect may go from one URL to the other: same scheme, host and port, no user
 * name or password.
 */
function mayFollow(from: string, to: string): boolean {
  if (!URL.canParse(from) || !URL.canParse(to)) return false
  const [before, after] = [new URL(from), new URL(to)]
  if (after.protocol !== 'https:' && after.protocol !== 'http:') return false
  return before.origin === after.origin && after.username === '' && after.password === ''
}
