// Which handler answers a request: the path read as segments, matched exactly against a table. No URL parser is used, since
// what it is given is foreign and it throws, puts dots right and joins slashes. Percent-encoding is read strictly; what it
// hides stays inside its segment. Specification: protocol/http.md, H2 and H3.

import type { IncomingMessage } from 'node:http'
import { ReplicaError } from '../base/errors.ts'
import { HTTP_LIMITS } from '../base/limits.ts'
import type { RouteResponse } from './response.ts'

/** A request as handlers see it. */
export interface RequestContext {
  /** The segments that stand for `{…}` in the route's path, in order. */
  readonly names: readonly string[]
  readonly query: ReadonlyMap<string, string>
  readonly request: IncomingMessage
  /** Where it comes from, as the socket says. */
  readonly address: string
}

export type Handler = (asked: RequestContext) => RouteResponse | Promise<RouteResponse>

export interface Route {
  /** Segments; `{name}` stands for any one that is not empty, `{name}.json` for one that ends so. */
  readonly path: string
  /** Answered also where only registered keys may read. */
  readonly open?: true
  readonly GET?: Handler
  readonly POST?: Handler
}

export type Match = { readonly route: Route; readonly names: readonly string[] }

interface Target {
  readonly segments: readonly string[]
  readonly query: ReadonlyMap<string, string>
}

/** The parts of a request's target. @throws ReplicaError ERR_HTTP_REQUEST */
export function readTarget(url: string): Target {
  // The absolute form names this hub once more, in front of the path (RFC 9112, section 3.2.2).
  const target = url.replace(/^https?:\/\/[^/?#]+/i, '')
  const at = target.indexOf('?')
  const path = at < 0 ? target : target.slice(0, at)
  if (!path.startsWith('/') || target.includes('#')) throw badRequest('the path does not begin with a slash')
  const segments = path.slice(1).split('/').map(decode)
  return { segments, query: readQuery(at < 0 ? '' : target.slice(at + 1)) }
}

function readQuery(text: string): Map<string, string> {
  const query = new Map<string, string>()
  if (text === '') return query
  const pairs = text.split('&', HTTP_LIMITS.parametersMax + 1)
  if (pairs.length > HTTP_LIMITS.parametersMax) throw badRequest('there are too many parameters')
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    const [name, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]
    const key = decode(name.replaceAll('+', ' '))
    if (query.has(key)) throw badRequest('a parameter is given twice')
    query.set(key, decode(value.replaceAll('+', ' ')))
  }
  return query
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (!(error instanceof URIError)) throw error
    throw badRequest('a percent sign is not followed by two digits of UTF-8')
  }
}

/** The first route of the table whose path this is. */
export function matchRoute(routes: readonly Route[], segments: readonly string[]): Match | undefined {
  for (const route of routes) {
    const names = namesIn(route.path.slice(1).split('/'), segments)
    if (names !== undefined) return { route, names }
  }
  return undefined
}

function namesIn(pattern: readonly string[], segments: readonly string[]): string[] | undefined {
  if (pattern.length !== segments.length) return undefined
  const names: string[] = []
  for (const [i, part] of pattern.entries()) {
    const segment = segments[i]!
    const ending = /^\{\w+\}(.*)$/.exec(part)?.[1]
    if (ending === undefined) {
      if (segment !== part) return undefined
      continue
    }
    if (!segment.endsWith(ending) || segment.length === ending.length) return undefined
    names.push(segment.slice(0, segment.length - ending.length))
  }
  return names
}

/** A whole number from 1 to `max`; more is cut to `max`. @throws ReplicaError ERR_HTTP_REQUEST */
export function readLimit(query: RequestContext['query'], options: { max: number; usual: number }): number {
  const text = query.get('limit')
  if (text === undefined) return options.usual
  if (!/^[0-9]{1,9}$/.test(text)) throw badRequest('limit is no whole number')
  return Math.min(Math.max(Number(text), 1), options.max)
}

export function badRequest(reason: string): ReplicaError {
  return new ReplicaError('ERR_HTTP_REQUEST', reason)
}
