// The thread of a RunSigner: takes the seed, says that it is there, then takes packed runs of events and gives back their
// nodes. Any fault ends the thread.

import { parentPort } from 'node:worker_threads'
import { Key } from './key.ts'
import { type PackedChain, packNodes, signChain, unpackBytes } from './node-signer.ts'

parentPort!.once('message', (seed: Uint8Array) => {
  const key = Key.fromSeed(seed)
  parentPort!.on('message', (run: PackedChain) => {
    const nodes = packNodes(signChain(key, run, unpackBytes(run)))
    parentPort!.postMessage(nodes, [nodes.bytes.buffer, nodes.ends.buffer, nodes.digests.buffer])
  })
  parentPort!.postMessage('up')
})
