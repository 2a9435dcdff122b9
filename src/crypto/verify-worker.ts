// The thread of a verifier's worker: takes a packed block, checks it, gives it back with the verdicts. Any fault ends
// the thread; the verifier then fails the jobs it had and starts another.

import { parentPort } from 'node:worker_threads'
import { signatureProvider } from './ed25519.ts'
import { checkBatch } from './verify-batch.ts'

signatureProvider() // choose now, while the first block is still being packed

parentPort!.on('message', (block: ArrayBuffer) => {
  checkBatch(block)
  parentPort!.postMessage(block, [block])
})
