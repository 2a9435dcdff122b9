// Worker thread that verifies. It receives a packed block of jobs and sends it back with the
// results. An error ends the thread; the pool then fails the jobs of that thread and starts another
// one.

import { parentPort } from 'node:worker_threads'
import { signatureProvider } from './ed25519.ts'
import { verifyBatch } from './verify-batch.ts'

signatureProvider() // choose it now, while the main thread packs the first block

parentPort!.on('message', (block: ArrayBuffer) => {
  verifyBatch(block)
  parentPort!.postMessage(block, [block])
})
