// Worker thread that signs headers. Its first message is a seed, to which it replies `ready`; every
// further message is a packed chain, to which it replies with the packed headers. An error ends the
// thread.

import { parentPort } from 'node:worker_threads'
import { Key } from './key.ts'
import { type PackedChain, packHeaders, signChain, unpackTexts } from './node-signer.ts'

parentPort!.once('message', (seed: Uint8Array) => {
  const key = Key.fromSeed(seed)
  parentPort!.on('message', ({ texts, ...start }: PackedChain) => {
    const headers = packHeaders(signChain(key, start, unpackTexts(texts)))
    parentPort!.postMessage(headers, [headers.bytes.buffer, headers.ends.buffer, headers.digests.buffer])
  })
  parentPort!.postMessage('ready')
})
