// Tells the client address of a request, also behind a proxy. A header that the client can write is
// read only if a trusted proxy sent the request, and only as far as trusted proxies wrote it.
// Spec: protocol/clients.md, Q1 to Q3.

import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'
import { CLIENT_LIMITS } from '../../base/client-limits.ts'
import { ReplicaError } from '../../base/errors.ts'

/** The client of a request. */
export interface ClientAddress {
  /** Address in its shortest form, for people. */
  readonly address: string
  /**
   * The address under which limits count: an IPv4 address, or the first 64 bits of an IPv6 address;
   * undefined for a trusted proxy that names no client.
   */
  readonly group: string | undefined
}

/** Reads client addresses. */
export class ClientAddresses {
  readonly #trusted = new BlockList()

  /**
   * @param trusted addresses and networks of proxies: `10.0.0.1`, `10.0.0.0/8`, `fd00::/8`
   * @throws ReplicaError ERR_USAGE
   */
  constructor(trusted: readonly string[]) {
    for (const network of trusted) this.#trust(network)
  }

  /** Returns the client of a connection; without a group if it is a trusted proxy. */
  ofSocket(remote: string | undefined): ClientAddress {
    const address = shortAddress(remote ?? '') ?? 'unknown'
    return { address, group: this.#isTrusted(address) ? undefined : groupOf(address) }
  }

  /** Returns the client of a request. */
  of({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): ClientAddress {
    const sender = this.ofSocket(socket.remoteAddress)
    if (sender.group !== undefined) return sender
    const { forwarded } = headers
    const listed = headers['x-forwarded-for']
    if (forwarded === undefined && listed === undefined) return sender
    // A client can add the header that the proxy does not write. Then the two differ.
    const named = [
      forwarded && this.#lastUntrusted(hopsOf(forwarded)),
      listed && this.#lastUntrusted(String(listed).split(',')),
    ]
    const [one, other = one] = named.filter(name => name !== undefined && name !== '')
    const address = one === other ? shortAddress(one ?? '') : undefined
    if (address === undefined) return { address: sender.address, group: `through ${sender.address}` }
    return { address, group: groupOf(address) }
  }

  /** Returns the right-most address that is not a trusted proxy, else the left-most one. */
  #lastUntrusted(hops: readonly string[]): string {
    const last = hops.slice(-CLIENT_LIMITS.forwardedHopsMax).map(hop => shortAddress(withoutPort(hop.trim())))
    for (const hop of last.reverse()) if (hop === undefined || !this.#isTrusted(hop)) return hop ?? 'unknown'
    return last.at(-1) ?? 'unknown'
  }

  #isTrusted(address: string): boolean {
    return isIP(address) !== 0 && this.#trusted.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
  }

  #trust(network: string): void {
    const parts = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(network)
    const address = parts?.[1] ?? ''
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    const bits = Number(parts?.[2] ?? (family === 'ipv4' ? 32 : 128))
    if (isIP(address) === 0 || bits > (family === 'ipv4' ? 32 : 128)) {
      throw new ReplicaError(
        'ERR_USAGE',
        `a trusted proxy is an address or a network such as 10.0.0.0/8, not ${JSON.stringify(network)}`,
      )
    }
    this.#trusted.addSubnet(address, bits, family)
  }
}

/**
 * Returns the first 64 bits of an IPv6 address as a network, and any other text unchanged: one
 * client can use all addresses of such a network.
 */
export function groupOf(address: string): string {
  if (!isIPv6(address)) return address
  const [left = '', right = ''] = address.split('::')
  const words = left === '' ? [] : left.split(':')
  const tail = right === '' ? [] : right.split(':')
  while (words.length + tail.length < 8) words.push('0')
  return `${[...words, ...tail].slice(0, 4).join(':')}::/64`
}

/** Returns an address in its shortest form, IPv4 inside IPv6 as IPv4; undefined for other text. */
function shortAddress(text: string): string | undefined {
  if (isIPv4(text)) return text
  const address = text.replace(/%.*$/s, '')
  if (!isIPv6(address)) return undefined
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(short)
  if (mapped === null) return short
  const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)]
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** Returns the values of the parameter `for` of RFC 7239, one for each hop; empty without one. */
function hopsOf(header: string): string[] {
  return header.split(',').map(hop => /(?:^|;)\s*for\s*=\s*("?)([^";]*)\1/i.exec(hop)?.[2] ?? '')
}

/** `[2001:db8::1]:80`, `192.0.2.1:80` and both without a port. */
function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(text)
  return bracketed?.[1] ?? text.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1')
}
