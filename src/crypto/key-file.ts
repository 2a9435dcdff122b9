// Reads and writes key files: a seed as 64 hex digits and a newline, mode 0600. A new file is
// written under a temporary name, synced, and linked to its final name, which fails if that name
// exists. A reader therefore never sees part of a key, and no key is overwritten. The checks of a
// read apply to the opened file, not to its name. Messages and causes of errors never contain
// content of the file.
// Spec: protocol/signature.md, K9.

import { randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import * as fs from 'node:fs/promises'
import { platform } from 'node:os'
import * as path from 'node:path'
import { fromHex, toHex } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { VERIFY_LIMITS } from '../base/limits.ts'
import { seedBytes } from './strict-verification.ts'

/**
 * Returns the seed in `file` (32 bytes).
 * @throws ReplicaError ERR_KEY_FILE if the file is missing, unreadable, accessible to others, or
 *   does not contain a seed
 */
export async function readKeyFile(file: string): Promise<Uint8Array> {
  // Without O_NONBLOCK, the open would block forever if the name belongs to a pipe.
  const handle = await orFail(
    fs.open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)),
    `cannot open key file ${file}`,
  )
  try {
    checkStats(await handle.stat(), file)
    const buffer = Buffer.alloc(VERIFY_LIMITS.keyFileBytesMax)
    const { bytesRead } = await orFail(handle.read(buffer, 0, buffer.length, 0), `cannot read key file ${file}`)
    const text = buffer.toString('latin1', 0, bytesRead).trim()
    buffer.fill(0)
    const seed = text.length === 2 * seedBytes ? fromHex(text) : undefined
    if (seed === undefined) throw fault(`key file ${file} does not contain a key: expected ${2 * seedBytes} hex digits`)
    return seed
  } finally {
    await handle.close()
  }
}

/**
 * Writes `seed` (32 bytes) to a new file.
 * @throws ReplicaError ERR_KEY_FILE if it exists or cannot be written
 */
export async function writeKeyFile(file: string, seed: Uint8Array): Promise<void> {
  const folder = path.dirname(file)
  const temporary = path.join(folder, `.${path.basename(file)}.${randomBytes(8).toString('hex')}.tmp`)
  const message = `cannot write key file ${file}`
  const handle = await orFail(fs.open(temporary, 'wx', 0o600), message)
  try {
    try {
      await orFail(handle.chmod(0o600), message) // the umask may have removed bits
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
  if (stats.size > VERIFY_LIMITS.keyFileBytesMax) throw fault(`key file ${file} is too large`)
  // Windows does not have these bits: stat does not tell there who may read the file.
  if (platform() !== 'win32' && (stats.mode & 0o077) !== 0) {
    const mode = (stats.mode & 0o777).toString(8).padStart(4, '0')
    throw fault(`key file ${file} is accessible to others (mode ${mode}); run: chmod 600 ${file}`)
  }
}

async function syncFolder(folder: string): Promise<void> {
  if (platform() === 'win32') return // a folder cannot be opened there
  const handle = await fs.open(folder, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

// `facts.reason` has the system's code (ENOENT, EEXIST, EACCES …), so that a caller can distinguish
// the cases.
async function orFail<T>(work: Promise<T>, message: string): Promise<T> {
  try {
    return await work
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
    const why = code === 'ENOENT' ? 'it does not exist' : code === 'EEXIST' ? 'it already exists' : code
    throw new ReplicaError('ERR_KEY_FILE', `${message}: ${why}`, { cause: error, facts: { reason: code } })
  }
}

function fault(message: string): ReplicaError {
  return new ReplicaError('ERR_KEY_FILE', message)
}
