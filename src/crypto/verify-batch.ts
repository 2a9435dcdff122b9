// Packs signatures into one block of memory for a worker, which writes the results into the same
// block. A block is transferred between threads and never shared: sodium-native cannot read shared
// memory, and nothing may change during verification. Layout, little-endian: count u32, then for
// each job the length of its message u32, key (32), signature (64), message.

import { verify } from './ed25519.ts'
import { keyBytes, signatureBytes } from './strict-verification.ts'

/** One signature to verify. */
export interface SignatureJob {
  /** Public key, 32 bytes. */
  readonly key: Uint8Array
  /** Signature, 64 bytes. */
  readonly sig: Uint8Array
  /** Parts of the message; the signature covers their concatenation. */
  readonly message: readonly Uint8Array[]
}

const headBytes = 4
const jobHeadBytes = 4 + keyBytes + signatureBytes

/**
 * Returns how many of `jobs`, from index `from`, fit into a block of `max.bytes`: at least one, at
 * most `max.jobs`. `bytes` is the size of the block that they need, which is more than `max.bytes`
 * if the first one alone exceeds it.
 */
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

/** Returns the length of a job's message in bytes. */
export function messageBytes(job: SignatureJob): number {
  return job.message.reduce((sum, part) => sum + part.length, 0)
}

/**
 * Copies `count` jobs, from index `from`, into `block`, whose size is at least what `measureBatch`
 * returned.
 */
export function packBatch(
  block: ArrayBuffer,
  jobs: readonly SignatureJob[],
  { from, count }: { from: number; count: number },
): void {
  const bytes = new Uint8Array(block)
  const view = new DataView(block)
  view.setUint32(0, count, true)
  let at = headBytes
  for (let i = from; i < from + count; i++) {
    const { key, sig, message } = jobs[i]!
    const start = at + jobHeadBytes
    // A key or signature of a wrong length becomes zeros. The zero key has a small order, so the
    // signature is not valid.
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

/**
 * Verifies a packed block. Writes one byte for each job, 1 (valid) or 0, over the start of the
 * block.
 */
export function verifyBatch(block: ArrayBuffer): void {
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
  new Uint8Array(block).set(verdicts) // fits: each job has at least 100 bytes
}
