// Checks the frames of table files (footer, index block, filter) before LevelDB uses them. LevelDB
// reads frames without a check of their checksums, and invalid data in them can terminate the
// process. The hashes of the store protect the data blocks. The frame is at the end of a file and
// needs one short read. Format: LevelDB's doc/table_format.md; checksums are CRC-32C, rotated and
// offset ("masked").
// Spec: protocol/store.md, T21.

import * as fs from 'node:fs/promises'

/**
 * Bytes read from the end of a file. With many short keys, filter and index may need one more read
 * each.
 */
const tailBytes = 24 * 1024
/** Files checked at a time. */
const filesAtOnce = 8
export const footerBytes = 48
const magic = '57fb808b247547db'

/** A table file in the manifest of a database. */
export interface TableFile {
  readonly path: string
  /** Size in the manifest. */
  readonly bytes: number
}

/** Checks table files. Returns a sentence for each damaged file; an empty array if none is. */
export async function tableFaults(files: readonly TableFile[]): Promise<string[]> {
  const faults: string[] = []
  for (let at = 0; at < files.length; at += filesAtOnce) {
    const some = files.slice(at, at + filesAtOnce)
    for (const fault of await Promise.all(some.map(tableFault))) if (fault !== undefined) faults.push(fault)
  }
  return faults
}

async function tableFault(file: TableFile): Promise<string | undefined> {
  let handle: fs.FileHandle
  try {
    handle = await fs.open(file.path)
  } catch (error) {
    // LevelDB has merged it into another file meanwhile.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const { size } = await handle.stat()
    if (size !== file.bytes) return `${file.path}: it has ${size} bytes, not ${file.bytes}`
    const read = async (from: number, length: number) => {
      const bytes = Buffer.allocUnsafe(length)
      const { bytesRead } = await handle.read(bytes, 0, length, from)
      return bytes.subarray(0, bytesRead)
    }
    const start = Math.max(0, size - tailBytes)
    const tail = await read(start, size - start)
    const reason = await frameFault({
      size,
      block: (from, length) =>
        from >= start ? tail.subarray(from - start, from - start + length) : read(from, length),
    })
    return reason === undefined ? undefined : `${file.path}: ${reason}`
  } finally {
    await handle.close()
  }
}

interface TableBytes {
  readonly size: number
  /** Returns bytes of the file; fewer if the file ends before. */
  readonly block: (from: number, length: number) => Buffer | Promise<Buffer>
}

async function frameFault(table: TableBytes): Promise<string | undefined> {
  if (table.size < footerBytes) return 'it is too short for a table'
  const footer = await table.block(table.size - footerBytes, footerBytes)
  if (footer.toString('hex', 40) !== magic) return 'it does not end with the magic number of a table'
  const reader = { bytes: footer, at: 0 }
  const meta = readHandle(reader)
  const index = readHandle(reader)
  if ((await readBlock(table, index)) === undefined) return 'its index block is damaged'
  const directory = await readBlock(table, meta)
  if (directory === undefined) return 'its directory is damaged'
  const filter = filterHandle(directory)
  if (filter !== undefined && (await readBlock(table, filter)) === undefined) return 'its filter is damaged'
  return undefined
}

export interface BlockHandle {
  readonly offset: number
  readonly size: number
}

/**
 * Returns a block; undefined if its checksum is wrong. After the block there are a byte for its
 * compression and the checksum.
 */
async function readBlock(
  table: TableBytes,
  { offset, size }: BlockHandle,
): Promise<{ content: Buffer; plain: boolean } | undefined> {
  if (!(offset + size + 5 <= table.size)) return undefined
  const bytes = await table.block(offset, size + 5)
  const crc = crc32c(bytes.subarray(0, size + 1))
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
  if (bytes.length < size + 5 || bytes.readUInt32LE(size + 1) !== masked) return undefined
  return { content: bytes.subarray(0, size), plain: bytes[size] === 0 }
}

/**
 * Returns the position of the filter. The directory has one entry or none. Also returns undefined
 * if the directory is compressed, which does not occur with one entry.
 */
function filterHandle({ content, plain }: { content: Buffer; plain: boolean }): BlockHandle | undefined {
  const reader = { bytes: content, at: 0 }
  const [shared, keyBytes, valueBytes] = [readNumber(reader), readNumber(reader), readNumber(reader)]
  if (!plain || shared !== 0 || valueBytes === 0 || content.length < reader.at + keyBytes + valueBytes) return undefined
  reader.at += keyBytes
  return readHandle(reader)
}

export interface BlockReader {
  readonly bytes: Buffer
  at: number
}

/** Reads the position of a block. */
export function readHandle(reader: BlockReader): BlockHandle {
  return { offset: readNumber(reader), size: readNumber(reader) }
}

/** Reads a varint: seven bits a byte, least significant first. Returns NaN if it does not end. */
export function readNumber(reader: BlockReader): number {
  let value = 0
  for (let scale = 1; scale < 2 ** 49; scale *= 128) {
    const byte = reader.bytes[reader.at++]
    if (byte === undefined) break
    value += (byte & 127) * scale
    if (byte < 128) return value
  }
  return Number.NaN
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f63b78
  return crc
})

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 255]! ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}
