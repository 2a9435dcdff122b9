// The body of a publication: a registry entry with, perhaps, the whole frontier beside it as `substrate`. The two are told
// apart by walking bytes, so that a stranger's frontier is never built before the entry has been judged; and the body
// of a request is read here, bounded. Specification: protocol/http.md, H14 and H15.

import type { IncomingMessage } from 'node:http'
import { concat, utf8 } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { stringSpanEnd } from '../json/canonical-scanner.ts'

/**
 * The whole body. What comes past `bytesMax` is dropped as it comes, until the answer ends the connection.
 * @throws ReplicaError ERR_HTTP_LIMIT, ERR_HTTP_REQUEST when it breaks off
 */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let pieces: Uint8Array[] = []
    let bytes = 0
    const tooLong = (): void => {
      pieces = []
      reject(new ReplicaError('ERR_HTTP_LIMIT', `the body has more than ${bytesMax} bytes`))
    }
    if (Number(request.headers['content-length'] ?? 0) > bytesMax) tooLong()
    request.on('data', (piece: Buffer) => {
      bytes += piece.length
      if (bytes > bytesMax) tooLong()
      else pieces.push(piece)
    })
    request.on('end', () => resolve(concat(pieces)))
    const broken = (): void => reject(new ReplicaError('ERR_HTTP_REQUEST', 'the body broke off'))
    request.on('error', broken).on('close', broken)
  })
}
/** A JSON body and nothing else: a page of another site can't send one without asking. @throws ReplicaError ERR_HTTP_REQUEST */
export function checkJsonBody({ headers }: IncomingMessage): void {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/json') throw new ReplicaError('ERR_HTTP_REQUEST', 'the body is no application/json')
  const coding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  if (coding !== 'identity') throw new ReplicaError('ERR_HTTP_REQUEST', 'the body is compressed')
}

/** The body without its member `substrate`, and that member's value, as they lie. Text that is no object stays as it is. */
export function splitPublication(body: Uint8Array): { entry: Uint8Array; substrate: Uint8Array | undefined } {
  const found = findSubstrate(body)
  if (found === undefined) return { entry: body, substrate: undefined }
  const { key, value, end } = found
  const substrate = body.subarray(value, end)
  // A null takes its place and reads as absent, so that a second one is still a member given twice.
  return { entry: concat([body.subarray(0, key), utf8('"substrate":null'), body.subarray(end)]), substrate }
}

const NAME = utf8('"substrate"')
const [QUOTE, COLON, COMMA] = [0x22, 0x3a, 0x2c]

/** Where the first member `substrate` of the outermost object begins, its value begins, and both end. */
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
