// Worker thread that signs. Its first message is a seed, to which it replies `ready`; every further
// message is a packed chain of events, to which it replies with the packed nodes. An error ends the
// thread.

import { parentPort } from 'node:worker_threads'
import { Key } from './key.ts'
import { type PackedChain, packNodes, signChain, unpackBytes } from './node-signer.ts'

parentPort!.once('message', (seed: Uint8Array) => {
  const key = Key.fromSeed(seed)
  parentPort!.on('message', (chain: PackedChain) => {
    const nodes = packNodes(signChain(key, chain, unpackBytes(chain)))
    parentPort!.postMessage(nodes, [nodes.bytes.buffer, nodes.ends.buffer, nodes.digests.buffer])
  })
  parentPort!.postMessage('ready')
})
