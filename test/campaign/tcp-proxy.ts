// A TCP proxy on loopback that can cut a network: while it is cut, bytes go nowhere and connections hang.

import * as net from 'node:net'

export class TcpProxy {
  readonly #target: number
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()
  #isCut = false

  constructor(target: number) {
    this.#target = target
    this.#server = net.createServer(socket => this.#join(socket))
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port
  }

  listen(): Promise<void> {
    return new Promise(resolve => this.#server.listen(0, '127.0.0.1', resolve))
  }

  /** Stops to carry bytes, in both directions. */
  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.pause()
  }

  /** Ends the connections that were cut, and carries new ones. */
  restore(): void {
    this.#isCut = false
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #join(client: net.Socket): void {
    const server = net.connect(this.#target, '127.0.0.1')
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from)
      from.on('data', bytes => {
        if (!this.#isCut && !to.destroyed) to.write(bytes)
      })
      from.on('error', () => to.destroy())
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
    }
    if (this.#isCut) for (const socket of [client, server]) socket.pause()
  }
}
