// What a client's sockets carry: every byte of TCP's payload, HTTP upgrade and WebSocket framing included, over all
// connections of a call. The protocol's own counters, in reports, count messages only.

import * as diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type Timed, timed } from './job.ts'

/** Runs `task` and counts what the sockets that it opens have carried when they are closed. */
export async function countWire<T>(
  task: () => Promise<T>,
): Promise<Timed & { result: T; sent: number; received: number }> {
  const sockets: Socket[] = []
  const note = (message: unknown): void => void sockets.push((message as { socket: Socket }).socket)
  diagnostics.subscribe('net.client.socket', note)
  try {
    const run = await timed(task)
    // The closing handshake is still under way; it belongs to the cost but not to the time.
    await Promise.all(sockets.filter(socket => !socket.closed).map(socket => once(socket, 'close')))
    return {
      ...run,
      sent: sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0),
      received: sockets.reduce((sum, socket) => sum + socket.bytesRead, 0),
    }
  } finally {
    diagnostics.unsubscribe('net.client.socket', note)
  }
}
