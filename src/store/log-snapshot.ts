// Limits a reader to the first nodes of a frontier's log. The log is append-only and a parent
// precedes its children, so the first N nodes never change and form a frontier of their own: a
// snapshot needs no copy and no lock in any engine.

import { ReplicaError } from '../base/errors.ts'
import type { NodeReader, NodeRow, ScanOptions } from './store.ts'

/**
 * The first nodes of a log, for reading. Engines return it from `FrontierStore.snapshot`.
 *
 * @example
 * const snapshot = new LogSnapshot(log, log.nodes)
 * await log.commit(more)
 * for await (const rows of snapshot.scan({ from: 0 })) console.log(rows.length)
 */
export class LogSnapshot implements NodeReader {
  readonly nodes: number
  readonly #log: NodeReader

  /** @throws TypeError if `nodes` is not an integer from 0 to the number of nodes in `log` */
  constructor(log: NodeReader, nodes: number) {
    if (!Number.isInteger(nodes) || nodes < 0 || nodes > log.nodes) {
      throw new TypeError(`a snapshot has 0 to ${log.nodes} nodes, not ${nodes}`)
    }
    this.#log = log
    this.nodes = nodes
  }

  /** The frontier's name. */
  get name(): string {
    return this.#log.name
  }

  /** Like {@link NodeReader.read}. Nodes after the snapshot are not found. */
  async read(seqs: readonly number[]): Promise<NodeRow[]> {
    const beyond = seqs.find(seq => !(seq < this.nodes))
    if (beyond !== undefined) {
      throw new ReplicaError('ERR_NOT_FOUND', `the snapshot of ${this.name} does not have node ${beyond}`)
    }
    return this.#log.read(seqs)
  }

  /** Like {@link NodeReader.scan}. The scan ends at the end of the snapshot. */
  scan(options: ScanOptions): AsyncIterable<NodeRow[]> {
    return this.#log.scan({ ...options, to: Math.min(options.to ?? this.nodes, this.nodes) })
  }
}
