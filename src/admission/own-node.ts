// Proof that this process just signed a node, so that the gate skips its own checks.
// The constructor of `SignedNode` is private, so no caller can claim that a signature is valid: it
// was computed here, and the event inside passed its check (`CheckedEvent`). Registry, parents,
// height and documents are decided as for any other node.
// Spec: protocol/admission.md, D29 and D30.

import type { Worker } from 'node:worker_threads'
import { concat } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { type Key, seedOf } from '../crypto/key.ts'
import {
  type ChainStart,
  type PackedChain,
  type PackedHeaders,
  packTexts,
  type SignedHeader,
  signChain,
  signHeader,
  type TextReference,
  unpackHeaders,
} from '../crypto/node-signer.ts'
import { isMissingThread, startThread } from '../crypto/worker-thread.ts'
import type { CheckedEvent } from '../event/event.ts'
import type { NodeFields } from '../node/node.ts'
import type { Candidate, Refusal } from './candidate.ts'

/** The fields of a node to sign; the key is the signer's. */
export interface OwnFields extends Omit<NodeFields, 'key' | 'size' | 'event' | 'label'> {
  readonly event: CheckedEvent
}

/** A chain of nodes to sign: the first on `parents`, each further one on the node before it. */
export interface EventChain extends ChainStart {
  readonly events: readonly CheckedEvent[]
}

let newSignedNode: (key: Uint8Array, fields: OwnFields, node: SignedHeader) => SignedNode

/** A node that this process signed. */
export class SignedNode {
  readonly #frontier: string
  /** The block that the gate decides about. Its bytes must not change. */
  readonly candidate: Candidate

  private constructor(frontier: string, candidate: Candidate) {
    this.#frontier = frontier
    this.candidate = candidate
  }

  static {
    newSignedNode = (key, { frontier, parents, height, links, event }, { header, digest }) => {
      const bytes = concat([header, event.text])
      const node = { digest, bytes, headerBytes: header.length, text: 'here', parents, height, key, links } as const
      return new SignedNode(frontier, { ...node, label: event.label, event: event.digest, isOwn: true })
    }
  }

  /**
   * Encodes and signs a node.
   * @throws ReplicaError ERR_NODE_SHAPE, ERR_NODE_SIZE
   */
  static make(key: Key, fields: OwnFields): SignedNode {
    return newSignedNode(key.publicKeyBytes, fields, signHeader(key, { ...fields, ...referenceTo(fields.event) }))
  }

  /** Does for an own node what `examine` does for others: only the frontier is left to check. */
  examined(frontier: string): { candidate: Candidate } | Refusal {
    if (this.#frontier === frontier) return this
    return { digest: this.candidate.digest, code: 'ERR_NODE_FRONTIER' }
  }
}

/** Returns what a header says of an event's text. */
function referenceTo({ text, digest, label }: CheckedEvent): TextReference {
  return { size: text.length, event: digest, label }
}

/** The chain that the thread is signing. */
interface PendingChain {
  readonly resolve: (chain: PackedHeaders) => void
  readonly reject: (error: Error) => void
}

/**
 * Nodes signed on the calling thread before a thread is started, which costs about 100 ms of CPU
 * time.
 */
const INLINE_NODES_MAX = 1024

/**
 * Signs chains, one at a time. The first nodes are signed on the calling thread, later ones in a
 * worker thread, in parallel with the caller. `close` ends the thread.
 */
export class ChainSigner {
  readonly #key: Key
  #thread: Worker | undefined
  #isThreadReady = false
  /** The file of the thread is missing: everything is signed on the calling thread. */
  #isThreadless = false
  #inlineCount = 0
  #pending: PendingChain | undefined

  constructor(key: Key) {
    this.#key = key
  }

  /**
   * Signs the nodes of a chain, in order.
   * @throws ReplicaError ERR_INTERNAL if the thread ended
   */
  async sign({ events, ...start }: EventChain): Promise<SignedNode[]> {
    if (this.#inlineCount >= INLINE_NODES_MAX && !this.#isThreadless) this.#thread ??= this.#start()
    const texts = events.map(referenceTo)
    const nodes = this.#isThreadReady ? await this.#signInThread(start, texts) : this.#signInline(start, texts)
    const key = this.#key.publicKeyBytes
    const { frontier, parents, height } = start
    return events.map((event, i) => {
      const on = i === 0 ? parents : [nodes[i - 1]!.digest]
      return newSignedNode(key, { frontier, event, links: [], parents: on, height: height + i }, nodes[i]!)
    })
  }

  /** Whether a thread is ready to sign. */
  get usesThread(): boolean {
    return this.#isThreadReady
  }

  /** Ends the thread. A chain that it is signing fails. */
  async close(): Promise<void> {
    await this.#thread?.terminate()
  }

  #signInline(start: ChainStart, texts: readonly TextReference[]): SignedHeader[] {
    this.#inlineCount += texts.length
    return signChain(this.#key, start, texts)
  }

  async #signInThread(start: ChainStart, texts: readonly TextReference[]): Promise<SignedHeader[]> {
    const chain: PackedChain = { ...start, texts: packTexts(texts) }
    const nodes = await new Promise<PackedHeaders>((resolve, reject) => {
      this.#pending = { resolve, reject }
      this.#thread!.ref()
      this.#thread!.postMessage(chain, [chain.texts.buffer])
    })
    return unpackHeaders(nodes)
  }

  /** Returns undefined, once and for all, if this code does not know where its thread is. */
  #start(): Worker | undefined {
    let thread: Worker
    try {
      thread = startThread('./sign-worker.js', 'sign')
    } catch (error) {
      this.#isThreadless = isMissingThread((error as Error).cause)
      if (this.#isThreadless) return undefined
      throw error
    }
    thread.once('message', () => {
      this.#isThreadReady = true
      thread.on('message', (chain: PackedHeaders) => this.#settle(pending => pending.resolve(chain)))
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
    this.#isThreadless ||= isMissingThread(cause)
    const error = new ReplicaError('ERR_INTERNAL', 'the signing thread ended unexpectedly', { cause })
    this.#settle(pending => pending.reject(error))
    this.#thread = undefined
    this.#isThreadReady = false
  }
}
