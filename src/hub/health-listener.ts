// A second listener of a hub for its health: a Unix socket or a loopback port. Strangers cannot
// reach it, so no load of theirs takes its connections.
// Spec: protocol/clients.md, Q9.

import * as fs from 'node:fs'
import * as http from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { CLIENT_LIMITS } from '../base/client-limits.ts'
import { ReplicaError } from '../base/errors.ts'
import { SOCKET_LIMITS } from '../base/limits.ts'
import { isLoopback } from '../base/loopback.ts'
import type { HttpHandler } from './http-handler.ts'

const { headerBytesMax, headerMsMax } = SOCKET_LIMITS
const PATHS = /^\/(?:healthz|readyz|metrics)(?:\?|$)/
/** Its clients are processes of this machine that its operator has started. */
const LOCAL_CLIENT = { address: 'this machine', group: undefined }

/** A path of a Unix socket, or a loopback address with a port; 0 selects a free one. */
export type HealthAddress = { readonly path: string } | { readonly host: string; readonly port: number }

/**
 * Serves `/healthz`, `/readyz` and `/metrics` to this machine.
 *
 * @example
 * const health = await HealthListener.listen({ path: '/run/replica/health.sock' }, handler)
 * await health.close()
 */
export class HealthListener {
  readonly #server: http.Server

  private constructor(handler: HttpHandler) {
    this.#server = http.createServer({ maxHeaderSize: headerBytesMax + 1, headersTimeout: headerMsMax })
    this.#server.maxConnections = CLIENT_LIMITS.healthConnectionsMax
    this.#server.on('request', (message, target) => {
      const name = (message.headers.host ?? '').replace(/:\d*$/, '')
      if (PATHS.test(message.url ?? '') && isLoopback(name)) return handler.serve(message, target, LOCAL_CLIENT)
      target.writeHead(404, { connection: 'close' }).end()
    })
  }

  /**
   * Listens. A socket at the path that nobody listens on is replaced.
   * @throws ReplicaError ERR_USAGE if the address is not a loopback address, or cannot be used
   */
  static async listen(address: HealthAddress, handler: HttpHandler): Promise<HealthListener> {
    if ('host' in address && !isLoopback(address.host))
      throw new ReplicaError('ERR_USAGE', `the health listener needs a loopback address, not ${address.host}`)
    if ('path' in address) await removeStaleSocket(address.path)
    const listener = new HealthListener(handler)
    const server = listener.#server
    await new Promise<void>((resolve, reject) => {
      server.once('error', cause => {
        const place = 'path' in address ? address.path : `${address.host}:${address.port}`
        reject(
          new ReplicaError('ERR_USAGE', `cannot listen on ${place} for health checks: ${cause.message}`, { cause }),
        )
      })
      server.listen(address, resolve)
    })
    return listener
  }

  /** `http://127.0.0.1:9000`, or `unix:` and the path. */
  get url(): string {
    const bound = this.#server.address() as AddressInfo | string | null
    if (bound === null || typeof bound === 'string') return `unix:${bound ?? ''}`
    return `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`
  }

  /** Stops listening and ends open requests. A socket is removed. */
  async close(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }
}

/** Removes a socket of a process that was killed. */
async function removeStaleSocket(path: string): Promise<void> {
  if (!fs.statSync(path, { throwIfNoEntry: false })?.isSocket()) return
  const isInUse = await new Promise<boolean>(resolve => {
    const socket = connect(path)
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
  if (!isInUse) fs.rmSync(path, { force: true })
}
