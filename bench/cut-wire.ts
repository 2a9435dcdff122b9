// A TCP relay that can be cut: it forwards connections from a local port to another one, until it
// ends them and refuses new ones for a while.

import { once } from 'node:events'
import * as net from 'node:net'

export class CutWire {
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()
  #isCut = false

  private constructor(port: number, host: string) {
    this.#server = net.createServer(near => {
      if (this.#isCut) return near.destroy()
      const far = net.connect(port, host)
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket)
        socket.on('error', () => {}) // its close follows
        socket.once('close', () => {
          this.#sockets.delete(socket)
          other.destroy()
        })
        socket.pipe(other)
      }
    })
  }

  /** A relay to a hub on this machine. */
  static async before(url: string): Promise<CutWire> {
    const { port, hostname } = new URL(url)
    const wire = new CutWire(Number(port), hostname)
    wire.#server.listen(0, '127.0.0.1')
    await once(wire.#server, 'listening')
    return wire
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`
  }

  /** Number of open connections. */
  get connections(): number {
    return this.#sockets.size / 2
  }

  /** Ends the open connections and refuses new ones. */
  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.destroy()
  }

  mend(): void {
    this.#isCut = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
