// Which URLs may be fetched on somebody else's word (protocol/registry-entry.md, E21–E23): the scheme, the host as far as the
// text shows it, and where a redirect may lead. What a name resolves to is seen only when dialling: whoever fetches MUST
// ask isPrivateAddress about each address before it connects.

import { ReplicaError } from '../../base/errors.ts'
import { REGISTRY_LIMITS } from '../../base/limits.ts'
import { isAddress, isPrivateAddress } from './fetch-policy.ts'

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
  const refusal = refusedBecause(text, policy)
  if (refusal !== undefined) throw new ReplicaError('ERR_PEER_URL', refusal)
}

function refusedBecause(text: string, policy: FetchPolicy): string | undefined {
  if (Buffer.byteLength(text) > REGISTRY_LIMITS.urlBytesMax) return 'the URL is too long'
  if (!WEB_URL.test(text) || !URL.canParse(text)) return 'not a URL of the form https://host/…'
  const { protocol, username, password, hostname } = new URL(text)
  if (username !== '' || password !== '') return 'a URL to fetch carries no user name or password'
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
  if (!mayFollow(from, target.href) || refusedBecause(target.href, policy) !== undefined) return undefined
  return target.href
}

/** Whether a redirect may lead from one URL to the other: same scheme, host and port, no user name or password. */
export function mayFollow(from: string, to: string): boolean {
  if (!URL.canParse(from) || !URL.canParse(to)) return false
  const [before, after] = [new URL(from), new URL(to)]
  if (after.protocol !== 'https:' && after.protocol !== 'http:') return false
  return before.origin === after.origin && after.username === '' && after.password === ''
}
