// The three streams of a verb, as it sees them: whether they belong to the process or arrive over the control
// socket of a hub. Writing waits while the reader is slow, so no verb can pile up output in memory.

import { addAbortSignal, type Readable, type Writable } from 'node:stream'
import { CLI_LIMITS } from '../limits.ts'

/** The reader of stdout has gone (`replica log | head`): the verb stops, and nobody needs to hear about it. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed'
}

export interface Sink {
  readonly terminal: boolean
  /** Width of the terminal in columns; 80 where there is none. */
  readonly columns: number
  /** Resolves when more may be written. @throws OutputClosed */
  write(data: string | Uint8Array): Promise<void>
}

export interface Source {
  readonly terminal: boolean
  /** Reading starts with the first step of the iteration, once. */
  chunks(): AsyncIterable<Uint8Array>
}

export interface Io {
  readonly stdin: Source
  readonly stdout: Sink
  readonly stderr: Sink
}

export function streamSink(
  stream: Writable & { isTTY?: boolean; columns?: number },
): Sink & { flush(): Promise<void> } {
  let closed = false
  stream.on('error', () => {
    closed = true
  })
  const settle = (write: (done: () => void) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      const finish = (): void => {
        stream.off('drain', finish).off('close', finish).off('error', finish)
        if (closed || stream.destroyed) reject(new OutputClosed('the reader has gone'))
        else resolve()
      }
      stream.once('close', finish).once('error', finish)
      write(finish)
    })
  return {
    terminal: stream.isTTY === true,
    get columns() {
      return stream.columns || 80
    },
    write: data => {
      if (closed || stream.destroyed) return Promise.reject(new OutputClosed('the reader has gone'))
      if (stream.write(data)) return Promise.resolve()
      return settle(finish => stream.once('drain', finish))
    },
    flush: () => {
      if (closed || stream.destroyed) return Promise.resolve()
      return settle(finish => stream.write('', finish)).catch(() => {})
    },
  }
}

/** `open` is called at the first read: touching a process's stdin too early would start it. `signal` ends the wait for more. */
export function streamSource(terminal: boolean, open: () => Readable, signal: AbortSignal): Source {
  return {
    terminal,
    async *chunks() {
      for await (const chunk of addAbortSignal(signal, open()))
        yield* pieces(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
    },
  }
}

/** Cuts bytes into pieces that fit a control frame. */
export function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CLI_LIMITS.controlChunkBytes)
    yield bytes.subarray(at, at + CLI_LIMITS.controlChunkBytes)
}
