// Signatures to check, packed into one block of memory for a worker, and the verdicts on the way back in the same
// block. A block is moved between threads, never shared: sodium-native can't read shared memory, and nobody may change
// what is being checked. Layout, little-endian: count u32, then for each job the length of its message u32, key (32),
// signature (64), message.

import { verify } from './ed25519.ts'
import { keyBytes, signatureBytes } from './strict-verification.ts'

/** One signature to check. The message is the concatenation of its parts. */
export interface SignatureJob {
  readonly key: Uint8Array
  readonly sig: Uint8Array
  readonly message: readonly Uint8Array[]
}

const headBytes = 4
const jobHeadBytes = 4 + keyBytes + signatureBytes

/** How many of `jobs` from `from` on, at least one and at most `jobsMax`, go into a block of `bytesMax`, and their size. */
export function measureBatch(jobs: readonly SignatureJob[], from: number, max: { jobs: number; bytes: number }) {
  let bytes = headBytes
  let count = 0
  while (count < max.jobs && from + count < jobs.length) {
    const more = jobHeadBytes + messageBytes(jobs[from + count]!)
    if (count > 0 && bytes + more > max.bytes) break
    bytes += more
    count++
  }
  return { count, bytes }
}

export function messageBytes(job: SignatureJob): number {
  return job.message.reduce((sum, part) => sum + part.length, 0)
}

/** Copies `count` jobs into `block`, which measureBatch said is large enough. */
export function packBatch(block: ArrayBuffer, jobs: readonly SignatureJob[], from: number, count: number): void {
  const bytes = new Uint8Array(block)
  const view = new DataView(block)
  view.setUint32(0, count, true)
  let at = headBytes
  for (let i = from; i < from + count; i++) {
    const { key, sig, message } = jobs[i]!
    const start = at + jobHeadBytes
    // A key or signature of a wrong length is packed as zeros: the key of zeros is of small order, so the verdict is no.
    const wellFormed = key.length === keyBytes && sig.length === signatureBytes
    if (wellFormed) {
      bytes.set(key, at + 4)
      bytes.set(sig, at + 4 + keyBytes)
    } else bytes.fill(0, at + 4, start)
    let end = start
    for (const part of message) {
      bytes.set(part, end)
      end += part.length
    }
    view.setUint32(at, end - start, true)
    at = end
  }
}

/** Checks a packed block and writes its verdicts, a byte 1 or 0 for each job, over its beginning. */
export function checkBatch(block: ArrayBuffer): void {
  const view = new DataView(block)
  const count = view.getUint32(0, true)
  const verdicts = new Uint8Array(count)
  let at = headBytes
  for (let i = 0; i < count; i++) {
    const key = new Uint8Array(block, at + 4, keyBytes)
    const sig = new Uint8Array(block, at + 4 + keyBytes, signatureBytes)
    const message = new Uint8Array(block, at + jobHeadBytes, view.getUint32(at, true))
    verdicts[i] = verify(key, message, sig) ? 1 : 0
    at += jobHeadBytes + message.length
  }
  new Uint8Array(block).set(verdicts) // count bytes always fit: a job takes a hundred
}
