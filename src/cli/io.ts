// The three streams of a verb, as it sees them: whether they belong to the process or arrive over the control
// socket of a hub. Writing waits while the reader is slow, so no verb can pile up output in memory. Output that nobody
// reads any more is no failure; output that can't be written is one, and is never lost without a word.

import * as fs from 'node:fs'
import { addAbortSignal, type Readable, type Writable } from 'node:stream'
import { ReplicaError } from '../base/errors.ts'
import { CLI_LIMITS } from '../base/limits.ts'
import { hasErrno } from './error-hints.ts'

/** The reader of stdout has gone (`replica log | head`): the verb stops, and nobody needs to hear about it. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed'
}

export interface OutputStream {
  readonly terminal: boolean
  /** Width of the terminal in columns; 80 where there is none. */
  readonly columns: number
  /** Resolves when more may be written. @throws OutputClosed, ReplicaError ERR_STORE_IO where it can't be written */
  write(data: string | Uint8Array): Promise<void>
  /** Resolves when all of it has been taken. @throws as `write` */
  flush(): Promise<void>
}

export interface InputStream {
  readonly terminal: boolean
  /** Reading starts with the first step of the iteration, once. */
  chunks(): AsyncIterable<Uint8Array>
}

export interface Io {
  readonly stdin: InputStream
  readonly stdout: OutputStream
  readonly stderr: OutputStream
}

/** A pipe, a socket or a terminal. */
export function streamSink(stream: Writable & { isTTY?: boolean; columns?: number }): OutputStream {
  let failure: Error | undefined
  const fail = (error: unknown): void => {
    failure ??= outputError(error)
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

/** A file, or a device that is no terminal. Node's own stream for these takes a write of half the bytes for one of all. */
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

/** Only a reader that has gone is no failure: a full disk is one. */
function outputError(error: unknown): Error {
  if (!(error instanceof Error) || hasErrno(error, 'EPIPE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_PREMATURE_CLOSE'))
    return new OutputClosed('the reader has gone')
  return new ReplicaError('ERR_STORE_IO', `the output can't be written: ${error.message}`, { cause: error })
}

/** `open` is called at the first read: touching a process's stdin too early would start it. `signal` ends the wait for more. */
export function streamSource(terminal: boolean, open: () => Readable, signal: AbortSignal): InputStream {
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
