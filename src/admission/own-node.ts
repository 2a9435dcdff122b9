// Nodes that this process has signed itself a moment ago. Nobody else can make one: it is how the gate knows, without a
// flag that anybody could set, that a signature holds because it was just computed, and that the event inside is one that
// passed its check (`CheckedEvent`). Registry, parents, height and documents are judged as for any other node.
// Specification: protocol/admission.md, D29 and D30.

import type { Worker } from 'node:worker_threads'
import { sha256 } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { type Key, seedOf } from '../crypto/key.ts'
import {
  type ChainNode,
  type ChainStart,
  type PackedChain,
  type PackedNodes,
  packBytes,
  signChain,
  signNode,
  unpackNodes,
} from '../crypto/node-signer.ts'
import { startThread } from '../crypto/worker-thread.ts'
import type { CheckedEvent } from '../event/event.ts'
import type { NodeFields } from '../node/node.ts'
import type { Candidate, Refusal } from './candidate.ts'

export interface OwnFields extends Omit<NodeFields, 'key' | 'event'> {
  readonly event: CheckedEvent
}

/** Events that nodes of a chain are to carry. */
export interface EventChain extends ChainStart {
  readonly events: readonly CheckedEvent[]
}

let newSignedNode: (key: Uint8Array, fields: OwnFields, node: ChainNode) => SignedNode

export class SignedNode {
  readonly #frontier: string
  /** What the gate judges. Its bytes must not be changed. */
  readonly candidate: Candidate

  private constructor(frontier: string, candidate: Candidate) {
    this.#frontier = frontier
    this.candidate = candidate
  }

  static {
    newSignedNode = (key, { frontier, parents, height, links, event }, { bytes, digest }) => {
      const { label, digest: carried } = event
      return new SignedNode(frontier, { digest, bytes, parents, height, key, links, label, event: carried })
    }
  }

  /** Encodes and signs. @throws ReplicaError ERR_NODE_SHAPE, ERR_NODE_SIZE */
  static make(key: Key, fields: OwnFields): SignedNode {
    const bytes = signNode(key, { ...fields, event: fields.event.text })
    return newSignedNode(key.publicKeyBytes, fields, { bytes, digest: sha256(bytes) })
  }

  /** As `examine` for bytes from anybody: all that is left to ask is whether it is a node of this frontier. */
  examined(frontier: string): { candidate: Candidate } | Refusal {
    if (this.#frontier === frontier) return this
    return { digest: this.candidate.digest, code: 'ERR_NODE_FRONTIER' }
  }
}

/** Who waits for a run that the thread has. */
interface PendingChain {
  readonly resolve: (chain: PackedNodes) => void
  readonly reject: (error: Error) => void
}

/** After so many nodes a thread is worth what its start costs, some 100 ms of a core. */
const INLINE_NODES_MAX = 1024

/**
 * Signs runs, one at a time: the first on the calling thread; where more come, in a thread of its own, beside what the
 * calling thread does meanwhile.
 */
export class ChainSigner {
  readonly #key: Key
  #thread: Worker | undefined
  #isThreadReady = false
  #inlineCount = 0
  #pending: PendingChain | undefined

  constructor(key: Key) {
    this.#key = key
  }

  /** @throws ReplicaError ERR_INTERNAL when the thread ended over it */
  async sign({ events, ...start }: EventChain): Promise<SignedNode[]> {
    if (this.#inlineCount >= INLINE_NODES_MAX) this.#thread ??= this.#start()
    const texts = events.map(({ text }) => text)
    const nodes = this.#isThreadReady ? await this.#signInThread(start, texts) : this.#signInline(start, texts)
    const key = this.#key.publicKeyBytes
    const { frontier, parents, height } = start
    return events.map((event, i) => {
      const on = i === 0 ? parents : [nodes[i - 1]!.digest]
      return newSignedNode(key, { frontier, event, links: [], parents: on, height: height + i }, nodes[i]!)
    })
  }

  /** Ends the thread; a run that it has fails. */
  async close(): Promise<void> {
    await this.#thread?.terminate()
  }

  #signInline(start: ChainStart, texts: readonly Uint8Array[]): ChainNode[] {
    this.#inlineCount += texts.length
    return signChain(this.#key, start, texts)
  }

  async #signInThread(start: ChainStart, texts: readonly Uint8Array[]): Promise<ChainNode[]> {
    const chain: PackedChain = { ...start, ...packBytes(texts) }
    const nodes = await new Promise<PackedNodes>((resolve, reject) => {
      this.#pending = { resolve, reject }
      this.#thread!.ref()
      this.#thread!.postMessage(chain, [chain.bytes.buffer, chain.ends.buffer])
    })
    return unpackNodes(nodes)
  }

  #start(): Worker {
    const thread = startThread('./sign-worker.js', 'sign')
    thread.once('message', () => {
      this.#isThreadReady = true
      thread.on('message', (chain: PackedNodes) => this.#settle(pending => pending.resolve(chain)))
    })
    thread.on('error', error => this.#onThreadEnd(error))
    thread.on('exit', code => this.#onThreadEnd(new Error(`exit code ${code}`)))
    thread.postMessage(seedOf(this.#key))
    return thread
  }

  #settle(tell: (pending: PendingChain) => void): void {
    const pending = this.#pending
    this.#pending = undefined
    this.#thread?.unref()
    if (pending !== undefined) tell(pending)
  }

  #onThreadEnd(cause: Error): void {
    const error = new ReplicaError('ERR_INTERNAL', 'the signing thread ended unexpectedly', { cause })
    this.#settle(pending => pending.reject(error))
    this.#thread = undefined
    this.#isThreadReady = false
  }
}
