// Reads bounded request bodies, and splits the body of a publication: a registry entry with an
// optional member `substrate`, the whole frontier. The split walks bytes, so that the frontier of
// an unknown client is not parsed before the entry has passed its checks. Spec: protocol/http.md,
// H14 and H15.

import type { IncomingMessage } from 'node:http'
import { concat, utf8 } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { stringSpanEnd } from '../json/canonical-scanner.ts'

/**
 * Returns the whole body. Bytes past `bytesMax` are dropped as they arrive, until the response ends
 * the connection.
 * @throws ReplicaError ERR_HTTP_LIMIT; ERR_HTTP_REQUEST when the body is incomplete
 */
export function readBody(message: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let chunks: Uint8Array[] = []
    let bytes = 0
    const rejectTooLong = (): void => {
      chunks = []
      reject(new ReplicaError('ERR_HTTP_LIMIT', `the body has more than ${bytesMax} bytes`))
    }
    if (Number(message.headers['content-length'] ?? 0) > bytesMax) rejectTooLong()
    message.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > bytesMax) rejectTooLong()
      else chunks.push(chunk)
    })
    message.on('end', () => resolve(concat(chunks)))
    const onBreak = (): void => reject(new ReplicaError('ERR_HTTP_REQUEST', 'the body is incomplete'))
    message.on('error', onBreak).on('close', onBreak)
  })
}

/**
 * Accepts JSON bodies only: a page of another site cannot send one without a preflight request.
 * @throws ReplicaError ERR_HTTP_REQUEST
 */
export function checkJsonBody({ headers }: IncomingMessage): void {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/json') throw new ReplicaError('ERR_HTTP_REQUEST', 'the body is not application/json')
  const coding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  if (coding !== 'identity') throw new ReplicaError('ERR_HTTP_REQUEST', 'the body is compressed')
}

/**
 * Returns the body without the value of its member `substrate`, and that value, both as bytes. A
 * body that is not a JSON object is returned unchanged.
 */
export function splitPublication(body: Uint8Array): { entry: Uint8Array; substrate: Uint8Array | undefined } {
  const found = findSubstrate(body)
  if (found === undefined) return { entry: body, substrate: undefined }
  const { key, value, end } = found
  const substrate = body.subarray(value, end)
  // A null replaces the value and reads as absent, so that a second `substrate` is still a
  // duplicate member.
  return { entry: concat([body.subarray(0, key), utf8('"substrate":null'), body.subarray(end)]), substrate }
}

const NAME = utf8('"substrate"')
const [QUOTE, COLON, COMMA] = [0x22, 0x3a, 0x2c]

/**
 * Returns the offsets of the first member `substrate` of the outermost object: its key, its value,
 * the end of both.
 */
function findSubstrate(body: Uint8Array): { key: number; value: number; end: number } | undefined {
  let depth = 0
  let key = -1
  let value = -1
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at]!
    if (byte === QUOTE) {
      const end = stringSpanEnd(body, at)
      if (end < 0) return undefined
      if (depth === 1 && value < 0 && key < 0 && isName(body, at, end)) key = at
      at = end - 1
    } else if (byte === 0x7b || byte === 0x5b) depth += 1
    else if (byte === 0x7d || byte === 0x5d) {
      depth -= 1
      if (depth === 0 && value >= 0) return { key, value, end: at }
    } else if (depth === 1 && byte === COLON && key >= 0 && value < 0) value = at + 1
    else if (depth === 1 && byte === COMMA) {
      if (value >= 0) return { key, value, end: at }
      key = -1
    }
  }
  return undefined
}

function isName(body: Uint8Array, start: number, end: number): boolean {
  return end - start === NAME.length && NAME.every((byte, i) => body[start + i] === byte)
}
