// The file that holds a seed: 64 hex digits and a newline, mode 0600. Made under a temporary name, synced, and linked
// to its own name, which fails if that exists: no reader sees half a key and no key is ever overwritten. What is checked
// on reading is the file that was opened, not the name. No message and no cause in here carries content of the file.
// Specification: protocol/signature.md, K9.

import { randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import * as fs from 'node:fs/promises'
import { platform } from 'node:os'
import * as path from 'node:path'
import { fromHex, toHex } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { VERIFY_LIMITS } from '../base/limits.ts'
import { seedBytes } from './strict-verification.ts'

/** The 32-byte seed in `file`. @throws ReplicaError ERR_KEY_FILE */
export async function readKeyFile(file: string): Promise<Uint8Array> {
  // Without O_NONBLOCK, opening a pipe put in the file's place would wait for ever.
  const handle = await orFail(
    fs.open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)),
    `can't open key file ${file}`,
  )
  try {
    checkStats(await handle.stat(), file)
    const buffer = Buffer.alloc(VERIFY_LIMITS.keyFileBytesMax)
    const { bytesRead } = await orFail(handle.read(buffer, 0, buffer.length, 0), `can't read key file ${file}`)
    const text = buffer.toString('latin1', 0, bytesRead).trim()
    buffer.fill(0)
    const seed = text.length === 2 * seedBytes ? fromHex(text) : undefined
    if (seed === undefined) throw fault(`key file ${file} does not hold a key: ${2 * seedBytes} hex digits are wanted`)
    return seed
  } finally {
    await handle.close()
  }
}

/** Writes `seed` to a new file. @throws ReplicaError ERR_KEY_FILE */
export async function writeKeyFile(file: string, seed: Uint8Array): Promise<void> {
  const folder = path.dirname(file)
  const temporary = path.join(folder, `.${path.basename(file)}.${randomBytes(8).toString('hex')}.tmp`)
  const message = `can't write key file ${file}`
  const handle = await orFail(fs.open(temporary, 'wx', 0o600), message)
  try {
    try {
      await orFail(handle.chmod(0o600), message) // whatever the umask left of it
      await orFail(handle.writeFile(`${toHex(seed)}\n`), message)
      await orFail(handle.sync(), message)
    } finally {
      await handle.close()
    }
    await orFail(fs.link(temporary, file), message)
  } finally {
    await fs.rm(temporary, { force: true })
  }
  await orFail(syncFolder(folder), message)
}

function checkStats(stats: Stats, file: string): void {
  if (!stats.isFile()) throw fault(`key file ${file} is not a regular file`)
  if (stats.size > VERIFY_LIMITS.keyFileBytesMax) throw fault(`key file ${file} is too large to be one`)
  // Windows has no such bits: what stat gives there says nothing about who may read.
  if (platform() !== 'win32' && (stats.mode & 0o077) !== 0) {
    const mode = (stats.mode & 0o777).toString(8).padStart(4, '0')
    throw fault(`key file ${file} is open to others (mode ${mode}); run: chmod 600 ${file}`)
  }
}

async function syncFolder(folder: string): Promise<void> {
  if (platform() === 'win32') return // folders can't be opened there
  const handle = await fs.open(folder, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

// The system's code (ENOENT, EEXIST, EACCES …) is in the cause and the message: a caller may want to tell them apart.
async function orFail<T>(work: Promise<T>, message: string): Promise<T> {
  try {
    return await work
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
    const why = code === 'ENOENT' ? 'there is none' : code === 'EEXIST' ? 'it exists already' : code
    throw new ReplicaError('ERR_KEY_FILE', `${message}: ${why}`, { cause: error, facts: { reason: code } })
  }
}

function fault(message: string): ReplicaError {
  return new ReplicaError('ERR_KEY_FILE', message)
}
