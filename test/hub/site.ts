// What the tests of a hub's HTTP share: a hub with a frontier, questions by fetch, and bytes by hand.

import * as net from 'node:net'
import { Hub, type HubOptions } from '../../src/hub/hub.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { draft } from '../replica/drafts.ts'

const realNow = performance.now.bind(performance)
let skippedMs = 0
performance.now = () => realNow() + skippedMs

/** Advances the monotonic clock of this process: caches and token buckets of its hubs see that time has passed. */
export function skipTime(ms: number): void {
  skippedMs += ms
}

/** Whatever an answer holds; the tests say what it should be. */
export type Json = ReturnType<typeof JSON.parse>

export interface Served extends AsyncDisposable {
  readonly hub: Hub
  readonly frontier: string
  /** `http://127.0.0.1:port`. */
  readonly base: string
  get(path: string, headers?: Record<string, string>): Promise<Response>
  json(path: string): Promise<Json>
  post(path: string, body: string | Uint8Array, headers?: Record<string, string>): Promise<Response>
  append(...reasons: string[]): Promise<void>
}

/** A hub on memory with a frontier of its own and so many notes in it. */
export async function serve(options: Partial<HubOptions> & { notes?: number } = {}): Promise<Served> {
  const { notes = 0, ...rest } = options
  const hub = await Hub.listen({ location: new MemoryStore(), port: 0, hubId: 'hub:main', ...rest })
  const { frontier } = await hub.replica.createFrontier({ name: 'Notes on cells' })
  const base = hub.url.replace(/^ws/, 'http')
  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(base + path, { headers, redirect: 'manual' })
  const append = async (...reasons: string[]): Promise<void> => {
    for (const reason of reasons) await hub.replica.append(frontier, draft(reason))
  }
  await append(...Array.from({ length: notes }, (_, i) => `note ${i}`))
  return {
    hub,
    frontier,
    base,
    get,
    json: async path => (await get(path)).json(),
    post: (path, body, headers = { 'content-type': 'application/json' }) =>
      fetch(base + path, { method: 'POST', body: body as string, headers }),
    append,
    [Symbol.asyncDispose]: () => hub.close(),
  }
}

/** What a hub answers to these bytes until one side ends the connection. */
export async function answerTo(base: string, ...pieces: (string | Uint8Array)[]): Promise<string> {
  const socket = net.connect(Number(new URL(base).port), '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1').on('data', text => {
    answer += text
  })
  socket.on('error', () => {})
  for (const piece of pieces) socket.write(piece)
  await new Promise<void>(resolve => socket.on('close', () => resolve()))
  return answer
}

/** Answers of one connection to which a request with `Connection: close` was written last. */
export function request(line: string, ...headers: string[]): string {
  return [line, 'Host: localhost', 'Connection: close', ...headers, '\r\n'].join('\r\n')
}
