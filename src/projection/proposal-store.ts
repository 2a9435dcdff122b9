// Stores proposals that wait for a decision, beside the log. They are never sent; an accepted one
// becomes an event. A record under `proposal/<frontier>/<vpr>` is the proposal's canonical JSON. A
// frontier has at most `proposalsMax`; applied ones are dropped for new ones, because their events
// state the same.

import { utf8 } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { SETTLE_LIMITS } from '../base/limits.ts'
import { excerpt } from '../base/text.ts'
import type { Records } from '../store/store.ts'
import { type Proposal, printProposal, readProposal } from '../vela/resolution/proposal.ts'

const { proposalsMax, proposalBytesMax } = SETTLE_LIMITS

export class ProposalStore {
  readonly #records: Records
  readonly #prefix: string

  constructor(records: Records, frontier: string) {
    this.#records = records
    this.#prefix = `proposal/${frontier}/`
  }

  /** Returns the proposals by id. */
  async list(): Promise<Proposal[]> {
    const rows = await this.#records.list(this.#prefix, { limit: proposalsMax })
    return rows.map(({ value }) => readProposal(value))
  }

  /** @throws ReplicaError ERR_NOT_FOUND */
  async get(id: string): Promise<Proposal> {
    const value = /^vpr_[0-9a-f]{16}$/.test(id) ? await this.#records.get(this.#prefix + id) : undefined
    if (value === undefined) throw new ReplicaError('ERR_NOT_FOUND', `this store does not have proposal ${excerpt(id)}`)
    return readProposal(value)
  }

  /**
   * Stores a new proposal; an existing one does not change. Durable.
   * @throws ReplicaError ERR_PROPOSAL if there is no room
   */
  async add(proposal: Proposal): Promise<Proposal> {
    const kept = await this.#records.get(this.#prefix + proposal.id)
    if (kept !== undefined) return readProposal(kept)
    await this.#makeRoom()
    await this.update(proposal)
    return proposal
  }

  /** @throws ReplicaError ERR_PROPOSAL */
  async #makeRoom(): Promise<void> {
    const rows = await this.#records.list(this.#prefix, { limit: proposalsMax })
    if (rows.length < proposalsMax) return
    const spent = rows.map(({ value }) => readProposal(value)).find(({ status }) => status === 'applied')
    if (spent === undefined)
      throw new ReplicaError('ERR_PROPOSAL', `the store already has ${proposalsMax} proposals: accept or drop some`)
    await this.drop(spent.id)
  }

  /**
   * Replaces a stored proposal.
   * @throws ReplicaError ERR_PROPOSAL if it is too large
   */
  async update(proposal: Proposal): Promise<void> {
    const value = utf8(printProposal(proposal))
    if (value.length > proposalBytesMax)
      throw new ReplicaError('ERR_PROPOSAL', `the proposal has ${value.length} bytes, more than ${proposalBytesMax}`)
    await this.#records.write([{ key: this.#prefix + proposal.id, value }])
  }

  async drop(id: string): Promise<void> {
    await this.#records.write([{ key: this.#prefix + id, value: undefined }])
  }
}
