// Keeps web pages of other sites away from a hub that a browser on the same machine or network can
// reach. A page can send any request to a loopback address, and can reach it under a name of its
// own (DNS rebinding); it cannot choose the headers `Host` and `Origin`.
// Spec: protocol/http.md, H30 and H31.

import type { IncomingMessage } from 'node:http'
import { isLoopback } from '../base/loopback.ts'

/** Names and origins under which browsers may reach a hub. */
export interface BrowserRules {
  /** Address on which the hub listens. */
  readonly host: string
  /** Public address of the hub. */
  readonly url?: string | undefined
  /** Further names of a hub that listens on loopback. */
  readonly allowHosts?: readonly string[] | undefined
  /** Origins of pages that may do more than read in public, as `https://site.example`. */
  readonly allowOrigins?: readonly string[] | undefined
}

/** Decides about the headers of a request. */
export class BrowserGuard {
  readonly #isLoopback: boolean
  readonly #hosts: ReadonlySet<string>
  readonly #origins: ReadonlySet<string>

  constructor({ host, url, allowHosts = [], allowOrigins = [] }: BrowserRules) {
    this.#isLoopback = isLoopback(host)
    const own = url === undefined ? [] : [new URL(url).hostname]
    this.#hosts = new Set([...own, ...allowHosts].map(name => name.toLowerCase()))
    this.#origins = new Set(allowOrigins.map(origin => origin.toLowerCase()))
  }

  /** Whether pages of any site may read what anyone may read. */
  get isPublic(): boolean {
    return !this.#isLoopback
  }

  /**
   * Returns why a request is refused: its `Host` is missing, occurs twice, or is not a name of this
   * hub.
   */
  hostFault(message: IncomingMessage): 'several hosts' | 'unknown host' | undefined {
    const names = message.rawHeaders.filter((_, i) => i % 2 === 0)
    if (names.filter(name => name.toLowerCase() === 'host').length > 1) return 'several hosts'
    if (!this.#isLoopback) return undefined
    const name = hostName(message.headers.host ?? '')
    return isLoopback(name) || this.#hosts.has(name) ? undefined : 'unknown host'
  }

  /** Whether the page that sent a request may do more than read in public. */
  mayAct(message: IncomingMessage): boolean {
    const { origin, host = '' } = message.headers
    if (origin === undefined) return true // not a page
    if (this.#origins.has('*') || this.#origins.has(origin.toLowerCase())) return true
    return origin.toLowerCase().replace(/^[a-z]+:\/\//, '') === host.toLowerCase()
  }

  /** Returns the origin to name in responses to reads; undefined if pages may not read them. */
  readOrigin(message: IncomingMessage): string | undefined {
    if (this.isPublic || this.#origins.has('*')) return '*'
    const { origin } = message.headers
    return origin !== undefined && this.#origins.has(origin.toLowerCase()) ? origin : undefined
  }
}

/** Returns the name of `name:port` in lower case. */
function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '')
}
