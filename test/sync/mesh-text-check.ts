// What the texts of a mesh must be at the end: each state is computed from the log, the policy of
// the hub and its acknowledged calls, and compared with the disk. An erased text is searched
// wherever a hub could show it: rows, held nodes, blocks by digest, rows by CID and id, views.

import { type Digest, digestKey, equals, toHex } from '../../src/base/bytes.ts'
import { cidText } from '../../src/cbor/cid.ts'
import { eventIdFromPrefix } from '../../src/event/event.ts'
import { decodeNode, type Node } from '../../src/node/node.ts'
import { FrontierProjection, type InitialState } from '../../src/projection/frontier-projection.ts'
import { rowsByReference } from '../../src/replica/log-reader.ts'
import type { NodeRow, TextState } from '../../src/store/store.ts'
import { finding, printView } from '../vela/state/logs.ts'
import { FRONTIER } from './local.ts'
import type { MeshHub } from './mesh-hub.ts'
import { FILTERED, FINDINGS, isErasureRow, type Keeper, type MeshTexts, rowsOf } from './mesh-texts.ts'

const HELD_MAX = 1000
const SEEDS: InitialState = { genesis: FINDINGS.map(id => finding(id)), proposals: [], actors: [] }

interface Erased {
  readonly event: string
  readonly key: Uint8Array
}

export class TextCheck {
  readonly #texts: MeshTexts
  /** Keys of the honest hubs in hex. */
  readonly #honest: ReadonlySet<string>
  /** By digest key: erasures, and the honest hubs at which a text is here. */
  readonly #erasures = new Map<string, Erased>()
  readonly #holders = new Map<string, MeshHub[]>()
  /** Findings of the events whose text is anywhere, by the digest key of the event. */
  readonly #findings = new Map<string, string>()
  readonly #rows = new Map<Keeper, NodeRow[]>()

  private constructor(texts: MeshTexts) {
    this.#texts = texts
    this.#honest = new Set(texts.keepers.map(({ hub }) => hub.key.publicKey))
  }

  static async of(texts: MeshTexts): Promise<TextCheck> {
    const check = new TextCheck(texts)
    for (const keeper of texts.keepers) {
      const rows = await rowsOf(keeper.hub)
      check.#rows.set(keeper, rows)
      for (const row of rows) check.#note(keeper.hub, row)
    }
    return check
  }

  #note(hub: MeshHub, row: NodeRow): void {
    if (row.text !== 'here') return
    const key = digestKey(row.digest)
    this.#holders.set(key, [...(this.#holders.get(key) ?? []), hub])
    const { target } = JSON.parse(Buffer.from(row.bytes.subarray(row.headerBytes)).toString())
    this.#findings.set(digestKey(decodeNode(row.bytes).event), target.id)
    if (!isErasureRow(row)) return
    const { payload } = JSON.parse(Buffer.from(row.bytes.subarray(row.headerBytes)).toString())
    const event = digestKey(Buffer.from(payload.event.slice('sha256:'.length), 'hex'))
    this.#erasures.set(key, { event, key: decodeNode(row.bytes).key })
  }

  /** Returns the first text that is not where it must be; undefined if there is none. */
  fault(): string | undefined {
    for (const [keeper, rows] of this.#rows) {
      for (const row of rows) {
        const node = decodeNode(row.bytes)
        const due = this.#due(keeper, row.digest, node)
        const isFine =
          row.text === due ||
          (row.text === 'wanted' && due === 'here' && this.#isOutOfReach(keeper, row, node)) ||
          (row.text === 'wanted' && keeper.part === FILTERED && this.#isUndecided(keeper, row))
        if (!isFine) return `${keeper.hub.name} (${keeper.part.name}): text ${row.seq} is ${row.text}, not ${due}`
        if (due !== 'here' && row.bytes.length > row.headerBytes) return `${keeper.hub.name}: bytes of text ${row.seq}`
      }
    }
    return undefined
  }

  #due({ hub, part, deleted, chosen }: Keeper, digest: Digest, node: Node): TextState {
    const key = digestKey(digest)
    if (this.#erasures.has(key)) return 'here'
    if (this.isErased(node)) return 'erased'
    if (deleted.has(digestKey(node.event))) return 'left-out'
    if (toHex(node.key) === hub.key.publicKey) return 'here'
    return (chosen.get(key) ?? part.keeps(this.#findings.get(digestKey(node.event)))) ? 'here' : 'left-out'
  }

  isErased(node: Node): boolean {
    const event = digestKey(node.event)
    const owner = this.#texts.founder.key.publicKeyBytes
    return [...this.#erasures.values()].some(
      one => one.event === event && (equals(one.key, node.key) || equals(one.key, owner)),
    )
  }

  /**
   * Only a hub that is not honest has the text: nothing obliges it to give the text. Or it was fetched
   * by name, or deleted at some hub for itself, and no peer has it.
   */
  #isOutOfReach({ hub, chosen }: Keeper, { digest }: NodeRow, { key, event }: Node): boolean {
    const holders = this.#holders.get(digestKey(digest))
    if (holders === undefined) return !this.#honest.has(toHex(key))
    const isCut = this.#texts.keepers.some(({ deleted }) => deleted.has(digestKey(event)))
    const mayLack = isCut || chosen.get(digestKey(digest)) === true
    return mayLack && !holders.some(other => this.#texts.isLinked(hub, other))
  }

  /** No peer has the text, so nobody can tell whether it matches the filter. */
  #isUndecided({ hub }: Keeper, { digest }: NodeRow): boolean {
    const holders = this.#holders.get(digestKey(digest)) ?? []
    return !holders.some(other => this.#texts.isLinked(hub, other))
  }

  /** @throws TypeError if headers differ, views differ, or an erased text is anywhere */
  async finish(): Promise<void> {
    const fault = this.fault()
    if (fault !== undefined) throw new TypeError(fault)
    this.#compareHeaders()
    const secrets = this.#erasedSecrets()
    for (const { hub } of this.#texts.keepers) await this.#search(hub, secrets)
    await this.#compareViews(secrets)
  }

  #compareHeaders(): void {
    const all = [...this.#rows].map(([{ hub }, rows]) => {
      const headers = rows.map(({ bytes, headerBytes }) => toHex(bytes.subarray(0, headerBytes)))
      return { hub, text: headers.sort().join() }
    })
    const other = all.find(({ text }) => text !== all[0]!.text)
    if (other !== undefined) throw new TypeError(`${other.hub.name} has other headers than ${all[0]!.hub.name}`)
  }

  /** Erased texts that no node keeps. */
  #erasedSecrets(): Secret[] {
    const [rows] = this.#rows.values()
    const nodes = rows!.map(({ bytes }) => decodeNode(bytes))
    return [...this.#texts.secrets].flatMap(([key, text]) => {
      const carriers = nodes.filter(({ event }) => digestKey(event) === key)
      return carriers.length > 0 && carriers.every(node => this.isErased(node)) ? [{ text, carriers }] : []
    })
  }

  async #search(hub: MeshHub, secrets: readonly Secret[]): Promise<void> {
    const { services, context } = hub.local!
    const held = await context.store.held.list(FRONTIER, { limit: HELD_MAX })
    for (const { text, carriers } of secrets) {
      const shown = [...(await rowsOf(hub)), ...held].map(({ bytes }) => bytes)
      const digests = carriers.map(({ digest }) => digest)
      for (const texts of [false, true]) shown.push(...(await this.#fetched(hub, digests, texts)))
      const { nodes } = await services.fetch(FRONTIER, [carriers[0]!.event])
      shown.push(...nodes.filter(bytes => bytes !== undefined))
      const references = [...digests.map(digest => cidText(digest)), eventIdFromPrefix(carriers[0]!.label)]
      for (const name of references) shown.push(...(await rowsByReference(hub.log, name)).map(({ bytes }) => bytes))
      if (shown.some(bytes => Buffer.from(bytes).includes(Buffer.from(text))))
        throw new TypeError(`${hub.name} shows an erased text`)
    }
  }

  async #fetched({ local }: MeshHub, digests: readonly Digest[], texts: boolean): Promise<Uint8Array[]> {
    const { nodes } = await local!.services.fetch(FRONTIER, digests, texts ? { texts: 'all' } : {})
    return nodes.filter(bytes => bytes !== undefined)
  }

  /** Full replicas that deleted nothing for themselves show the same; nobody shows an erased event. */
  async #compareViews(secrets: readonly Secret[]): Promise<void> {
    const ids = secrets.map(({ carriers }) => eventIdFromPrefix(carriers[0]!.label))
    const views: string[] = []
    for (const keeper of this.#texts.keepers) {
      const { hub, deleted } = keeper
      const { context } = hub.local!
      const kept = await shown(FrontierProjection.of(context, FRONTIER))
      const { log, registry } = context.frontier(FRONTIER)
      const parts = { log, registry, journal: context.journal, hubId: 'hub:any' }
      if ((await shown(new FrontierProjection(parts))) !== kept) throw new TypeError(`${hub.name} keeps an old view`)
      const view = await shown(new FrontierProjection({ ...parts, initialState: async () => SEEDS }))
      if (ids.some(id => view.includes(id))) throw new TypeError(`the view of ${hub.name} shows an erased event`)
      const isWhole = log.texts().wanted + log.texts()['left-out'] === 0
      if (this.#texts.full.includes(keeper) && deleted.size === 0 && isWhole) views.push(view)
    }
    if (views.some(view => view !== views[0])) throw new TypeError('two full replicas show different views')
  }
}

interface Secret {
  readonly text: Uint8Array
  readonly carriers: readonly Node[]
}

async function shown(projection: FrontierProjection): Promise<string> {
  return JSON.stringify([await projection.read(printView), await projection.listed(), projection.withheld])
}
