// Looks at the frame of LevelDB's table files before LevelDB reads them: footer, index block, filter. It reads these
// without checking their checksums and may end the whole process over nonsense in them; what lies in the data blocks
// is guarded by the store's own hashes. The frame is the last bytes of a file, one short read. Format: LevelDB's
// doc/table_format.md; checksums are CRC-32C, rotated and offset ("masked").

import * as fs from 'node:fs/promises'

/** Read at once from a file's end; where keys are many and short the filter and the index take a read each beyond this. */
const tailBytes = 24 * 1024
/** Files looked at at a time. */
const filesAtOnce = 8
const footerBytes = 48
const magic = '57fb808b247547db'

/** A table file that a database's own books name. */
export interface TableFile {
  readonly path: string
  readonly bytes: number
}

/** What is wrong with these files, a sentence for each damaged one; empty when nothing is. */
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
    // It was merged into another one in the meantime.
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
  /** Bytes of the file; fewer when it ends before. */
  readonly block: (from: number, length: number) => Buffer | Promise<Buffer>
}

async function frameFault(table: TableBytes): Promise<string | undefined> {
  if (table.size < footerBytes) return 'it is too short for a table'
  const footer = await table.block(table.size - footerBytes, footerBytes)
  if (footer.toString('hex', 40) !== magic) return 'it does not end like a table'
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

interface Handle {
  readonly offset: number
  readonly size: number
}

/** The content of a block whose checksum holds; behind it lie a byte that says how it is compressed, and the checksum. */
async function readBlock(
  table: TableBytes,
  { offset, size }: Handle,
): Promise<{ content: Buffer; plain: boolean } | undefined> {
  if (!(offset + size + 5 <= table.size)) return undefined
  const bytes = await table.block(offset, size + 5)
  const crc = crc32c(bytes.subarray(0, size + 1))
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
  if (bytes.length < size + 5 || bytes.readUInt32LE(size + 1) !== masked) return undefined
  return { content: bytes.subarray(0, size), plain: bytes[size] === 0 }
}

/** Where the filter is: the directory has one entry, or none. undefined too when it is compressed, which one entry never is. */
function filterHandle({ content, plain }: { content: Buffer; plain: boolean }): Handle | undefined {
  const reader = { bytes: content, at: 0 }
  const [shared, keyBytes, valueBytes] = [readNumber(reader), readNumber(reader), readNumber(reader)]
  if (!plain || shared !== 0 || valueBytes === 0 || content.length < reader.at + keyBytes + valueBytes) return undefined
  reader.at += keyBytes
  return readHandle(reader)
}

interface Reader {
  readonly bytes: Buffer
  at: number
}

function readHandle(reader: Reader): Handle {
  return { offset: readNumber(reader), size: readNumber(reader) }
}

/** Seven bits a byte, least first. NaN when it does not end. */
function readNumber(reader: Reader): number {
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
