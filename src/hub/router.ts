// Matches the path of a request exactly, segment by segment, against a table of routes. It does not
// use a URL parser, because that throws on invalid input, resolves dots and joins slashes.
// Percent-encoding is strict, and an encoded slash stays inside its segment. Spec:
// protocol/http.md, H2 and H3.

import type { IncomingMessage } from 'node:http'
import { ReplicaError } from '../base/errors.ts'
import { HTTP_LIMITS } from '../base/limits.ts'
import type { ClientWork } from './clients/stranger-work.ts'
import type { RouteResponse } from './response.ts'

/** A request as handlers see it. */
export interface RequestContext {
  /** The segments that matched the `{…}` of the route's path, in order. */
  readonly params: readonly string[]
  readonly query: ReadonlyMap<string, string>
  readonly message: IncomingMessage
  /** The address under which the client counts; undefined: no limit per address. */
  readonly group: string | undefined
  /** The processor time of this request. */
  readonly work: ClientWork
}

export type Handler = (request: RequestContext) => RouteResponse | Promise<RouteResponse>

export interface Route {
  /** `{name}` matches any segment that is not empty, `{name}.json` one with that ending. */
  readonly path: string
  /** Served even if only registered keys may read. */
  readonly open?: true
  readonly GET?: Handler
  readonly POST?: Handler
}

export type Match = { readonly route: Route; readonly params: readonly string[] }

interface Target {
  readonly segments: readonly string[]
  readonly query: ReadonlyMap<string, string>
}

/**
 * Splits a request target into its segments and its query.
 * @throws ReplicaError ERR_HTTP_REQUEST
 */
export function readTarget(url: string): Target {
  // The absolute form has the address of this hub before the path (RFC 9112, section 3.2.2).
  const target = url.replace(/^https?:\/\/[^/?#]+/i, '')
  const at = target.indexOf('?')
  const path = at < 0 ? target : target.slice(0, at)
  if (!path.startsWith('/') || target.includes('#')) throw badRequest('the path does not start with a slash')
  const segments = path.slice(1).split('/').map(decode)
  return { segments, query: readQuery(at < 0 ? '' : target.slice(at + 1)) }
}

function readQuery(text: string): Map<string, string> {
  const query = new Map<string, string>()
  if (text === '') return query
  const pairs = text.split('&', HTTP_LIMITS.parametersMax + 1)
  if (pairs.length > HTTP_LIMITS.parametersMax) throw badRequest('too many query parameters')
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    const [name, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]
    const key = decode(name.replaceAll('+', ' '))
    if (query.has(key)) throw badRequest('duplicate query parameter')
    query.set(key, decode(value.replaceAll('+', ' ')))
  }
  return query
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (!(error instanceof URIError)) throw error
    throw badRequest('invalid percent-encoding')
  }
}

/** Returns the first route of the table that matches. */
export function matchRoute(routes: readonly Route[], segments: readonly string[]): Match | undefined {
  for (const route of routes) {
    const params = paramsOf(route.path.slice(1).split('/'), segments)
    if (params !== undefined) return { route, params }
  }
  return undefined
}

function paramsOf(pattern: readonly string[], segments: readonly string[]): string[] | undefined {
  if (pattern.length !== segments.length) return undefined
  const params: string[] = []
  for (const [i, part] of pattern.entries()) {
    const segment = segments[i]!
    const ending = /^\{\w+\}(.*)$/.exec(part)?.[1]
    if (ending === undefined) {
      if (segment !== part) return undefined
      continue
    }
    if (!segment.endsWith(ending) || segment.length === ending.length) return undefined
    params.push(segment.slice(0, segment.length - ending.length))
  }
  return params
}

/**
 * Returns the parameter `limit`, clamped to 1 … `max`; `usual` without one.
 * @throws ReplicaError ERR_HTTP_REQUEST
 */
export function readLimit(query: RequestContext['query'], options: { max: number; usual: number }): number {
  const text = query.get('limit')
  if (text === undefined) return options.usual
  if (!/^[0-9]{1,9}$/.test(text)) throw badRequest('limit is not an integer')
  return Math.min(Math.max(Number(text), 1), options.max)
}

export function badRequest(reason: string): ReplicaError {
  return new ReplicaError('ERR_HTTP_REQUEST', reason)
}
