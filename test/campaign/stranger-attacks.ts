// Attacks of strangers on a hub, from addresses of the loopback network. Each runs until its process is killed.

import * as http from 'node:http'
import * as net from 'node:net'
import { Key } from '../../src/crypto/key.ts'
import { RawClient } from '../sync/raw-client.ts'
import { openOf } from '../sync/session-parts.ts'

/** What is attacked. */
export interface Target {
  readonly url: string
  readonly frontier: string
}

type Attack = (target: Target) => Promise<unknown>

const ONE_ADDRESS = '127.0.0.9'

/** The i-th of many addresses. */
function addressOf(i: number): string {
  return `127.0.${1 + Math.floor(i / 250)}.${1 + (i % 250)}`
}

/** Runs so many tasks at once, each again and again. */
function repeat(times: number, task: (i: number) => Promise<unknown>): Promise<unknown> {
  const loop = async (i: number): Promise<void> => {
    for (;;) {
      await task(i).catch(() => {})
      await new Promise(setImmediate)
    }
  }
  return Promise.all(Array.from({ length: times }, (_, i) => loop(i)))
}

/** Sends bytes and nothing more; resolves when the hub ends the connection. */
function hold({ url }: Target, bytes: string, localAddress: string): Promise<void> {
  return new Promise(resolve => {
    const socket = net.connect({ port: Number(new URL(url).port), host: '127.0.0.1', localAddress })
    socket.on('connect', () => socket.write(bytes)).on('error', () => {})
    socket.on('data', () => {}).on('close', () => resolve())
  })
}

const halfRequest = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Half: '
const upgrade = [
  'GET / HTTP/1.1',
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: replica.sync.v1',
  '\r\n',
].join('\r\n')

/** A session of a new key that pulls the frontier live. `reads`: whether it takes what it asked for. */
async function pullLive({ url, frontier }: Target, options: { localAddress: string; reads: boolean }): Promise<void> {
  const client = await RawClient.connect(url, Key.generate(), options.localAddress)
  await client.greet()
  client.prove()
  client.send(openOf('pull', { frontier, live: true }))
  if (!options.reads) client.pause()
  await client.closed
}

/** Asks for something and takes the answer. */
function ask({ url }: Target, path: string, localAddress: string): Promise<void> {
  return new Promise(resolve => {
    const port = Number(new URL(url).port)
    const question = http.get({ host: '127.0.0.1', port, path, localAddress, agent: false }, response => {
      response.resume().on('close', () => resolve())
    })
    question.on('error', () => resolve())
  })
}

const scan = ({ frontier }: Target): string => `/entries/${frontier}/events?limit=500&kind=nothing.here`

/** The attacks by name. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  'idle sockets': target => repeat(1_300, () => hold(target, halfRequest, ONE_ADDRESS)),
  'silent WebSockets': target => repeat(40, () => hold(target, upgrade, ONE_ADDRESS)),
  sessions: target => repeat(200, () => pullLive(target, { localAddress: ONE_ADDRESS, reads: true })),
  '64 addresses': target => repeat(64 * 30, i => hold(target, i % 2 === 0 ? upgrade : halfRequest, addressOf(i % 64))),
  'readers that never read': target => repeat(100, i => pullLive(target, { localAddress: addressOf(i), reads: false })),
  'scans of one address': target => repeat(16, () => ask(target, scan(target), ONE_ADDRESS)),
  'scans of 15 addresses': target => repeat(60, i => ask(target, scan(target), addressOf(i % 15))),
  'open paths': target => repeat(60, i => ask(target, ['/metrics', '/readyz', '/healthz'][i % 3]!, addressOf(i))),
}
