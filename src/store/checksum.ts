// A checksum before a stored value, which the engines share: neither LevelDB nor a database server
// verifies a value when it reads. Spec: protocol/store.md, *sealed*.

import * as zlib from 'node:zlib'
import { asBuffer } from '../base/bytes.ts'

/**
 * Returns `bytes` after a checksum over `key` and `bytes`, because LevelDB does not verify either
 * when it reads.
 */
export function seal(key: Uint8Array, bytes: Uint8Array): Buffer {
  const value = Buffer.allocUnsafe(4 + bytes.length)
  value.set(bytes, 4)
  value.writeUInt32BE(zlib.crc32(bytes, zlib.crc32(key)), 0)
  return value
}

/** Returns the bytes of a sealed value; undefined if the key or the value is damaged. */
export function unseal(key: Uint8Array, stored: Uint8Array): Buffer | undefined {
  const value = asBuffer(stored)
  if (value.length < 4) return undefined
  const bytes = value.subarray(4)
  return zlib.crc32(bytes, zlib.crc32(key)) === value.readUInt32BE(0) ? bytes : undefined
}
