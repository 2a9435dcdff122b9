// What Node can't read as a request, or didn't get in time: told once, as any other problem is, and the connection ends.
// Specification: protocol/http.md, H1, H2 and H5.

import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ErrorCode, ReplicaError } from '../base/errors.ts'
import { problemOf } from './problem.ts'

interface Refusal {
  readonly status: number
  readonly code: ErrorCode
  readonly reason: string
}

const BROKEN: Refusal = { status: 400, code: 'ERR_HTTP_REQUEST', reason: 'this is no request of HTTP/1.1' }
const REFUSALS: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: 'ERR_HTTP_LIMIT', reason: 'the headers are too long' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, code: 'ERR_HTTP_LIMIT', reason: 'the chunks have too many extensions' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: 'ERR_HTTP_REQUEST', reason: 'the request did not come in time' },
}

const told = new WeakSet<Duplex>()

/** `response`: of the last request that came over this connection. Half an answer is not followed by another. */
export function respondMalformed(error: Error, socket: Duplex, response: ServerResponse | undefined): void {
  if (told.has(socket)) return
  told.add(socket)
  const isAnswering = response?.headersSent === true && !response.writableFinished
  if (!socket.writable || isAnswering) return void socket.destroy()
  const code = 'code' in error ? String(error.code) : ''
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.end(answerText(REFUSALS[code] ?? BROKEN))
}

function answerText({ status, code, reason }: Refusal): string {
  const { headers, body } = problemOf(new ReplicaError(code, reason), { status })
  const lines = Object.entries({ ...headers, 'content-length': String(body.length), connection: 'close' })
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines.map(([name, value]) => `${name}: ${value}`)]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}
