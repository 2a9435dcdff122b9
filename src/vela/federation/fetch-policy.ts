// IP addresses as text (protocol/registry-entry.md, E22): which of them lie on the open internet. What a stranger's URL leads
// to must not be this machine, its network or its provider's metadata service, in whichever spelling. The list is that
// of allocated global unicast, not of known bad ranges: what is unknown counts as private.

import { ReplicaError } from '../../base/errors.ts'
import { REGISTRY_LIMITS } from '../../base/limits.ts'

/** True for every address that is not global unicast, and for text that is no address at all. */
export function isPrivateAddress(text: string): boolean {
  const four = parseIPv4(text)
  if (four !== undefined) return isPrivateIPv4(four)
  const six = parseIPv6(text)
  return six === undefined || isPrivateIPv6(six)
}

/** True for an address of version 4 or 6, in the URL parser's brackets or without. */
export function isAddress(text: string): boolean {
  return parseIPv4(text) !== undefined || parseIPv6(text) !== undefined
}

/** Four decimal numbers without leading zeros, which some readers take for octal. */
function parseIPv4(text: string): number[] | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1)
  if (parts === undefined || parts.some(part => Number(part) > 255 || /^0./.test(part))) return undefined
  return parts.map(Number)
}

/** Base, then how many bits of it count. RFC 6890 and what became of it, multicast, class E. */
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

/** Inside of global unicast, 2000::/3: protocol assignments (Teredo, ORCHID), documentation, 6to4. */
const PRIVATE_IPV6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

function isPrivateIPv6(address: readonly number[]): boolean {
  const under = (base: string, bits: number) => sharesBits(address, parseIPv6(base)!, { bits, unit: 16 })
  // Mapped (RFC 4291) and translated (RFC 6052) addresses are their IPv4 address.
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

/** Eight groups. A zone (`%eth0`) names an interface of this machine: such text is no address here. */
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
  // Four decimals may stand at the very end only.
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

export interface FetchPolicy {
  /** Hosts of this machine and of private networks, which an operator may want in a closed network. */
  readonly allowPrivate: boolean
  /** `http` to any host; otherwise it is for private hosts only, and only where these are allowed. */
  readonly allowPlain: boolean
  /** The origin that the operator named: its host may be one that looks private. What it refers to elsewhere is still a stranger's word. */
  readonly named?: string
}

/** As the URL of a peer, only what a web client dials; a backslash or a control would read as something else than it looks. */
const WEB_URL = /^https?:\/\/[^\p{C}\p{Z}\\#]+$/iu

/** @throws ReplicaError ERR_PEER_URL */
export function checkFetchUrl(text: string, policy: FetchPolicy): void {
  const refusal = urlFault(text, policy)
  if (refusal !== undefined) throw new ReplicaError('ERR_PEER_URL', refusal)
}

function urlFault(text: string, policy: FetchPolicy): string | undefined {
  if (Buffer.byteLength(text) > REGISTRY_LIMITS.urlBytesMax) return 'the URL is too long'
  if (!WEB_URL.test(text) || !URL.canParse(text)) return 'not a URL of the form https://host/…'
  const { protocol, username, password, hostname } = new URL(text)
  if (username !== '' || password !== '') return 'a URL to fetch must not have a user name or password'
  const isPrivate = isPrivateHost(hostname)
  if (isPrivate && !mayBePrivate(text, policy)) return `${hostname} is a host of this machine or of a private network`
  if (protocol === 'http:' && !policy.allowPlain && !isPrivate) return 'http:// is not encrypted; use https://'
  return undefined
}

/** Whether what this URL's host resolves to may lie in a private network. A public name that is named stays a public one. */
export function mayBePrivate(url: string, { allowPrivate, named }: FetchPolicy): boolean {
  if (allowPrivate || named === undefined) return allowPrivate
  const { origin, hostname } = new URL(url)
  return origin === named && isPrivateHost(hostname)
}

/** A literal private address, or a name that means this machine or this network. Dots at the end change nothing. */
export function isPrivateHost(hostname: string): boolean {
  if (isAddress(hostname)) return isPrivateAddress(hostname)
  const name = hostname.toLowerCase().replace(/\.+$/, '')
  const last = name.slice(name.lastIndexOf('.') + 1)
  return name === '' || !name.includes('.') || PRIVATE_NAMES.has(last) || name.endsWith('.home.arpa')
}

/** Top-level names that no public name server answers for (RFC 6761, RFC 6762, ICANN's `internal`). */
const PRIVATE_NAMES = new Set(['localhost', 'local', 'internal', 'lan', 'home', 'corp'])

/**
 * Where a redirect from `from` with this `Location` leads; undefined when it must not be followed: to another scheme,
 * host or port, or to a URL that may not be fetched itself.
 */
export function redirectTarget(from: string, location: string, policy: FetchPolicy): string | undefined {
  if (Buffer.byteLength(location) > REGISTRY_LIMITS.urlBytesMax || !URL.canParse(location, from)) return undefined
  const target = new URL(location, from)
  target.hash = ''
  if (!mayFollow(from, target.href) || urlFault(target.href, policy) !== undefined) return undefined
  return target.href
}

/** Whether a redirect may lead from one URL to the other: same scheme, host and port, no user name or password. */
export function mayFollow(from: string, to: string): boolean {
  if (!URL.canParse(from) || !URL.canParse(to)) return false
  const [before, after] = [new URL(from), new URL(to)]
  if (after.protocol !== 'https:' && after.protocol !== 'http:') return false
  return before.origin === after.origin && after.username === '' && after.password === ''
}
