// A listening socket with no hub behind it: whoever connects becomes a link, for tests of links and exchanges as such.

import { once } from 'node:events'
import * as http from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type AcceptedConnection,
  connect,
  SocketServer,
  type WebSocketConnection,
} from '../../src/transport/websocket-link.ts'

export class Loopback {
  readonly #server = http.createServer()
  readonly #sockets = new SocketServer()
  readonly #arrived: AcceptedConnection[] = []
  #wake: () => void = () => {}

  static async listen(): Promise<Loopback> {
    const loopback = new Loopback()
    loopback.#server.on('upgrade', async (request, socket, head) => {
      loopback.#arrived.push(await loopback.#sockets.accept(request, { socket, head, address: '127.0.0.1' }))
      loopback.#wake()
    })
    loopback.#server.listen(0, '127.0.0.1')
    await once(loopback.#server, 'listening')
    return loopback
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The listening end of the next connection. */
  async accept(): Promise<AcceptedConnection> {
    for (;;) {
      const dialled = this.#arrived.shift()
      if (dialled !== undefined) return dialled
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  /** Both ends of a new connection. */
  async pair(): Promise<{ near: WebSocketConnection; far: WebSocketConnection }> {
    const [near, far] = await Promise.all([connect(this.url), this.accept()])
    return { near, far }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    await this.#sockets.close()
    this.#server.closeAllConnections()
  }
}

/** Turns of the event loop until something is so. Nothing waits for a clock; a test file has a limit of its own. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(resolve => setImmediate(resolve))
}
