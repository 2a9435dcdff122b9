// Bytes that a client's sockets carry: TCP payload, HTTP upgrade and WebSocket framing included,
// over all connections of a call. The protocol's own counters, in reports, count messages only.

import * as diagnostics from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { type Timed, timed } from './job.ts'

/** Runs `task` and counts the bytes of its sockets when they are closed. */
export async function countWire<T>(
  task: () => Promise<T>,
): Promise<Timed & { result: T; sent: number; received: number }> {
  const sockets: Socket[] = []
  const note = (message: unknown): void => void sockets.push((message as { socket: Socket }).socket)
  diagnostics.subscribe('net.client.socket', note)
  try {
    const run = await timed(task)
    // The closing handshake is still in progress; it counts for the bytes but not for the time.
    await Promise.all(sockets.map(closed))
    return {
      ...run,
      sent: sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0),
      received: sockets.reduce((sum, socket) => sum + socket.bytesRead, 0),
    }
  } finally {
    diagnostics.unsubscribe('net.client.socket', note)
  }
}

function closed(socket: Socket): Promise<void> {
  return new Promise(resolve => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve())
  })
}
