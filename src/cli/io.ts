// The three streams of a command, either of the process or over the control socket of a hub. A
// write waits while the reader is slow, so that output does not accumulate in memory. A closed
// reader is not a failure; output that can't be written is a failure and is always reported.

import * as fs from 'node:fs'
import { addAbortSignal, type Readable, type Writable } from 'node:stream'
import { CLI_LIMITS } from '../base/cli-limits.ts'
import { ReplicaError } from '../base/errors.ts'
import { hasErrno } from './error-hints.ts'

/** The reader closed stdout (`replica log | head`): the command stops without a message. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed'
}

export interface OutputStream {
  readonly terminal: boolean
  /** Width of the terminal in columns; 80 without a terminal. */
  readonly columns: number
  /** Resolves when the stream accepts more. @throws OutputClosed, ReplicaError ERR_STORE_IO */
  write(data: string | Uint8Array): Promise<void>
  /** Resolves when all output is written. @throws as `write` */
  flush(): Promise<void>
}

export interface InputStream {
  readonly terminal: boolean
  /** Starts to read at the first step of the iteration. Can be called once. */
  chunks(): AsyncIterable<Uint8Array>
}

export interface Io {
  readonly stdin: InputStream
  readonly stdout: OutputStream
  readonly stderr: OutputStream
}

/** An output stream on a pipe, a socket or a terminal. */
export function streamSink(stream: Writable & { isTTY?: boolean; columns?: number }): OutputStream {
  let failure: Error | undefined
  const fail = (error: unknown): void => {
    // A terminal that was closed fails with EIO.
    failure ??= hasErrno(error, 'EIO') ? closedError() : outputError(error)
  }
  stream.on('error', fail)
  const isOver = (): boolean => failure !== undefined || stream.destroyed
  const settle = (write: (done: (error?: Error | null) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      const finish = (error?: Error | null): void => {
        stream.off('drain', finish).off('close', finish).off('error', finish)
        if (error || stream.destroyed) fail(error ?? stream.errored)
        if (failure === undefined) resolve()
        else reject(failure)
      }
      stream.once('close', finish).once('error', finish)
      if (isOver()) finish()
      else write(finish)
    })
  return {
    terminal: stream.isTTY === true,
    get columns() {
      return stream.columns || 80
    },
    write: data => {
      if (!isOver() && stream.write(data)) return Promise.resolve()
      return settle(finish => stream.once('drain', finish))
    },
    flush: () => settle(finish => stream.write('', finish)),
  }
}

/**
 * An output stream on a file or a device other than a terminal. Node's own stream treats a partial
 * write to these as complete.
 */
export function fileSink(descriptor: number): OutputStream {
  const put = (bytes: Uint8Array): void => {
    try {
      for (let at = 0; at < bytes.length; ) at += fs.writeSync(descriptor, bytes, at)
    } catch (error) {
      throw outputError(error)
    }
  }
  return {
    terminal: false,
    columns: 80,
    write: async data => put(typeof data === 'string' ? Buffer.from(data) : data),
    flush: async () => {},
  }
}

function closedError(): OutputClosed {
  return new OutputClosed('the reader closed the output')
}

/** Converts an output error: a closed reader is OutputClosed, all others are ERR_STORE_IO. */
function outputError(error: unknown): Error {
  if (!(error instanceof Error) || hasErrno(error, 'EPIPE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_PREMATURE_CLOSE'))
    return closedError()
  return new ReplicaError('ERR_STORE_IO', `can't write the output: ${error.message}`, { cause: error })
}

/**
 * An input stream. Calls `open` at the first read, because access to a process's stdin starts it.
 * `signal` aborts a read.
 */
export function streamSource(terminal: boolean, open: () => Readable, signal: AbortSignal): InputStream {
  return {
    terminal,
    async *chunks() {
      for await (const chunk of addAbortSignal(signal, open()))
        yield* pieces(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
    },
  }
}

/** Splits bytes into pieces that fit into a control frame. */
export function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CLI_LIMITS.controlChunkBytes)
    yield bytes.subarray(at, at + CLI_LIMITS.controlChunkBytes)
}
