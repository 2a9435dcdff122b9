// Nodes that this process has signed itself a moment ago. Nobody else can make one: it is how the gate knows, without a
// flag that anybody could set, that a signature holds because it was just computed, and that the event inside is one that
// passed its check (`CheckedEvent`). Registry, parents, height and documents are judged as for any other node.
// Specification: protocol/admission.md, D29 and D30.

import { Worker } from 'node:worker_threads'
import { asBuffer, type Digest, sha256 } from '../bytes.ts'
import type { NodeFields } from '../codec/node.ts'
import { ReplicaError } from '../errors.ts'
import type { CheckedEvent } from '../vela/event.ts'
import type { Candidate, Refusal } from './candidate.ts'
import { type Key, seedOf } from './key.ts'
import { pack, type SignedRun, signNode, unpack } from './sign.ts'

export interface OwnFields extends Omit<NodeFields, 'key' | 'event'> {
  readonly event: CheckedEvent
}

/** Events that nodes of a chain are to carry. */
export interface Run {
  readonly frontier: string
  /** Of the first node: ascending, no repeats. */
  readonly parents: readonly Digest[]
  /** Of the first node. */
  readonly height: number
  readonly events: readonly CheckedEvent[]
}

let own: (key: Uint8Array, fields: OwnFields, node: { bytes: Uint8Array; digest: Digest }) => SignedNode

export class SignedNode {
  readonly #frontier: string
  /** What the gate judges. Its bytes must not be changed. */
  readonly candidate: Candidate

  private constructor(frontier: string, candidate: Candidate) {
    this.#frontier = frontier
    this.candidate = candidate
  }

  static {
    own = (key, { frontier, parents, height, links, event }, { bytes, digest }) => {
      const { label, digest: carried } = event
      return new SignedNode(frontier, { digest, bytes, parents, height, key, links, label, event: carried })
    }
  }

  /** Encodes and signs. @throws ReplicaError ERR_NODE_SHAPE, ERR_NODE_SIZE */
  static make(key: Key, fields: OwnFields): SignedNode {
    const bytes = signNode(key, { ...fields, event: fields.event.text })
    return own(key.publicKeyBytes, fields, { bytes, digest: sha256(bytes) })
  }

  /** As `examine` for bytes from anybody: all that is left to ask is whether it is a node of this frontier. */
  examined(frontier: string): { candidate: Candidate } | Refusal {
    if (this.#frontier === frontier) return this
    return { digest: this.candidate.digest, code: 'ERR_NODE_FRONTIER' }
  }
}

/** Who waits for a run that the thread has. */
interface Asked {
  readonly resolve: (run: SignedRun) => void
  readonly reject: (error: Error) => void
}

/** After so many nodes a thread is worth what its start costs, some 100 ms of a core. */
const THREAD_AFTER = 1024

/**
 * Signs runs, one at a time: the first on the calling thread; where more come, in a thread of its own, beside what the
 * calling thread does meanwhile.
 */
export class RunSigner {
  readonly #key: Key
  #thread: Worker | undefined
  #isUp = false
  #signedHere = 0
  #asked: Asked | undefined

  constructor(key: Key) {
    this.#key = key
  }

  /** @throws ReplicaError ERR_INTERNAL when the thread ended over it */
  async sign(run: Run): Promise<SignedNode[]> {
    if (this.#signedHere >= THREAD_AFTER) this.#thread ??= this.#start()
    return this.#thread !== undefined && this.#isUp ? this.#signThere(this.#thread, run) : this.#signHere(run)
  }

  /** Ends the thread; a run that it has fails. */
  async close(): Promise<void> {
    await this.#thread?.terminate()
  }

  #signHere(run: Run): SignedNode[] {
    const nodes: SignedNode[] = []
    for (const fields of chained(run, i => nodes[i]!.candidate.digest)) nodes.push(SignedNode.make(this.#key, fields))
    this.#signedHere += nodes.length
    return nodes
  }

  async #signThere(thread: Worker, run: Run): Promise<SignedNode[]> {
    const { frontier, parents, height, events } = run
    const texts = pack(events.map(({ text }) => text))
    const signed = await new Promise<SignedRun>((resolve, reject) => {
      this.#asked = { resolve, reject }
      thread.ref() // only a thread with work keeps the process alive
      thread.postMessage({ frontier, parents, height, ...texts }, [texts.bytes.buffer, texts.ends.buffer])
    })
    const key = this.#key.publicKeyBytes
    const digests = asBuffer(signed.digests)
    const nodes = unpack(signed).map((bytes, i) => ({ bytes, digest: digests.subarray(32 * i, 32 * (i + 1)) }))
    return [...chained(run, i => nodes[i]!.digest)].map((fields, i) => own(key, fields, nodes[i]!))
  }

  #start(): Worker {
    const thread = startThread()
    thread.unref()
    thread.once('message', () => {
      this.#isUp = true
      thread.on('message', (run: SignedRun) => this.#settle(asked => asked.resolve(run)))
    })
    thread.on('error', error => this.#lost(error))
    thread.on('exit', code => this.#lost(new Error(`exit code ${code}`)))
    thread.postMessage(seedOf(this.#key))
    return thread
  }

  #settle(tell: (asked: Asked) => void): void {
    const asked = this.#asked
    this.#asked = undefined
    this.#thread?.unref()
    if (asked !== undefined) tell(asked)
  }

  #lost(cause: Error): void {
    const error = new ReplicaError('ERR_INTERNAL', 'the thread that was signing ended', { cause })
    this.#settle(asked => asked.reject(error))
    this.#thread = undefined
    this.#isUp = false
  }
}

/** What the nodes of a run are made of; `digestOf` answers for a node once the next is asked for. */
function* chained({ frontier, events, ...first }: Run, digestOf: (at: number) => Digest): Generator<OwnFields> {
  let { parents } = first
  for (const [i, event] of events.entries()) {
    yield { frontier, event, links: [], parents, height: first.height + i }
    parents = [digestOf(i)]
  }
}

function startThread(): Worker {
  try {
    // No flags and no environment of the process: the thread needs none, and some flags can't be given to a thread.
    return new Worker(new URL('./sign-worker.js', import.meta.url), { execArgv: [], env: {} })
  } catch (cause) {
    throw new ReplicaError('ERR_INTERNAL', "can't start a thread to sign", { cause })
  }
}
