// Verifies a whole replica: the store's own checks (hashes, commit chain, index, heads), then each
// node again as the gate checks it: envelope, frontier, event and id, parents and height,
// documents; with `signatures` every signature too.

import { DocumentCheck } from '../admission/document-availability.ts'
import { type Digest, DigestSet, equals, toHex } from '../base/bytes.ts'
import { hasCode, ReplicaError } from '../base/errors.ts'
import { abortError } from '../base/signal.ts'
import { cidText } from '../cbor/cid.ts'
import { VerifierPool } from '../crypto/verifier-pool.ts'
import { checkEvent, eventIdFromPrefix } from '../event/event.ts'
import { decodeNode, type Node, signingBytes } from '../node/node.ts'
import { openLevelDb } from '../store/index.ts'
import { findTexts, type SoughtText } from '../store/leveldb/text-search.ts'
import type { Fault, FrontierStore, HeldStore, NodeLocation, NodeRow, Store } from '../store/store.ts'
import { readOwnKeys } from './identity.ts'
import { verifyJournal } from './journal.ts'

const FAULTS_LISTED_MAX = 1000
const PAGE = 256
/** Rows that are read one by one after a scan met a damaged row. */
const SINGLE_READS = 1024
/** Hint for a store of which only the index is damaged. */
const REINDEX = 'to rebuild the index from the log, remove the folder index/ and open the store'

/** Options of a verification. */
export interface VerifyOptions {
  /** Check every signature again: about 50 µs per node and core. */
  readonly signatures?: boolean
  /** Search all files of the store for erased texts. */
  readonly erased?: boolean
  readonly signal?: AbortSignal
  readonly onProgress?: (nodes: number) => void
}

/** A fault in a store. */
export interface FaultView {
  readonly kind: Fault['kind']
  readonly frontier?: string
  readonly seq?: number
  readonly cid?: string
  readonly reason: string
}

/** Result of a verification. */
export interface VerifyReport {
  readonly ok: boolean
  /** Number of readable nodes. */
  readonly checked: number
  /** Faults; at most 1,000. */
  readonly faults: readonly FaultView[]
  /** Number of erased texts that were searched for; 0 without `erased`. */
  readonly searched: number
  /** Event ids that two or more contents share, which is not a fault; at most 1,000. */
  readonly sharedIds: readonly { readonly frontier: string; readonly event: string }[]
}

/**
 * The verifier of nodes, the replica's keys for the journal, 64 hex digits each, and its folder,
 * which is empty for a store in memory.
 */
export interface VerifiedReplica {
  readonly folder: string
  readonly verifier: VerifierPool
  readonly ownKeys: ReadonlySet<string>
}

export async function verifyStore(
  store: Store,
  { verifier, ownKeys, folder }: VerifiedReplica,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const faults: FaultView[] = []
  const note = (fault: Fault): void => {
    if (faults.length < FAULTS_LISTED_MAX) faults.push(viewOf(fault))
  }
  const { signal } = options
  for await (const fault of store.verify(signal === undefined ? {} : { signal })) note(fault)
  let checked = 0
  let nodes = 0
  // Threads verify one batch while the next is read.
  let signatures: Promise<void> = Promise.resolve()
  for (const name of store.frontiers()) {
    const log = store.frontier(name)
    for await (const rows of readableRows(log)) {
      if (signal?.aborted) throw abortError(signal, `verification aborted; nodes checked: ${checked}`)
      const sound = await checkRows({ log, note }, rows)
      await signatures
      if (options.signatures) signatures = checkSignatures({ log, note }, verifier, sound)
      signatures.catch(() => {}) // thrown where it is awaited
      checked += rows.length
      options.onProgress?.(checked)
    }
    nodes += log.nodes
  }
  await signatures
  for (const name of store.frontiers()) await checkJournal(store, { name, ownKeys }, note)
  const erased = options.erased && folder !== '' ? await erasedTexts(store) : []
  if (erased.length > 0) {
    for await (const { file, ...text } of findTexts(folder, erased))
      note({ kind: 'node', ...text, reason: `the erased text is in the file ${file}` })
  }
  // An index may be damaged although every node is intact.
  if (faults.length === 0 && checked < nodes) {
    note({ kind: 'node', reason: `nodes that can't be found by their sequence numbers: ${nodes - checked}` })
  }
  return { ok: faults.length === 0, checked, faults, searched: erased.length, sharedIds: await sharedIn(store) }
}

/** Returns the texts that are erased at one node and here at none. */
async function erasedTexts(store: Store): Promise<SoughtText[]> {
  const sought: SoughtText[] = []
  for (const frontier of store.frontiers()) {
    const log = store.frontier(frontier)
    const held = await heldTexts(store.held, frontier)
    let after = -1
    for (;;) {
      const seqs = await log.absent('erased', { after, limit: PAGE })
      for (const { seq, digest, bytes } of await log.read(seqs)) {
        const { label, event, size } = decodeNode(bytes)
        const carriers = await log.read(await log.findByLabel(label))
        const isHere = carriers.some(row => row.text === 'here' && equals(decodeNode(row.bytes).event, event))
        if (!isHere && !held.has(event)) sought.push({ frontier, seq, digest, label, event, size })
      }
      const last = seqs.at(-1)
      if (last === undefined) break
      after = last
    }
  }
  return sought
}

/** Returns the digests of the texts of held nodes. */
async function heldTexts(held: HeldStore, frontier: string): Promise<DigestSet> {
  const found = new DigestSet()
  let after: Digest | undefined
  for (;;) {
    const rows = await held.list(frontier, after === undefined ? { limit: PAGE } : { after, limit: PAGE })
    for (const { bytes, headerBytes, event } of rows) if (bytes.length > headerBytes) found.add(event)
    after = rows.at(-1)?.digest
    if (after === undefined) return found
  }
}

async function sharedIn(store: Store): Promise<{ frontier: string; event: string }[]> {
  const found: { frontier: string; event: string }[] = []
  try {
    for (const frontier of store.frontiers()) {
      for await (const label of store.frontier(frontier).sharedLabels()) {
        if (found.length < FAULTS_LISTED_MAX) found.push({ frontier, event: eventIdFromPrefix(label) })
      }
    }
  } catch (error) {
    // An unreadable index is reported already.
    if (!hasCode(error, 'ERR_STORE_CORRUPT', 'ERR_STORE_IO')) throw error
  }
  return found
}

/** The journal is small compared with the log, so it is checked completely. */
async function checkJournal(
  { records }: Store,
  { name, ownKeys }: { name: string; ownKeys: ReadonlySet<string> },
  note: Check['note'],
): Promise<void> {
  try {
    for (const reason of await verifyJournal(records, name, ownKeys)) note({ kind: 'record', frontier: name, reason })
  } catch (error) {
    if (!hasCode(error)) throw error
    note({ kind: 'record', frontier: name, reason: `the journal can't be read: ${error.message}` })
  }
}

/**
 * Yields all readable rows. After a damaged row, which the store's check reports, some rows are
 * read one by one.
 */
async function* readableRows(log: FrontierStore): AsyncGenerator<NodeRow[]> {
  let next = 0
  while (next < log.nodes) {
    try {
      for await (const rows of log.scan({ from: next })) {
        yield rows
        next += rows.length
      }
    } catch (error) {
      if (!hasCode(error, 'ERR_STORE_CORRUPT')) throw error
      const end = Math.min(next + SINGLE_READS, log.nodes)
      for (; next < end; next += 1) yield await readableRow(log, next)
    }
  }
}

async function readableRow(log: FrontierStore, seq: number): Promise<NodeRow[]> {
  try {
    return await log.read([seq])
  } catch (error) {
    if (!hasCode(error, 'ERR_STORE_CORRUPT')) throw error
    return []
  }
}

/**
 * Verifies a store that is too damaged to open, read-only.
 * @throws ReplicaError ERR_STORE_MISSING, ERR_STORE_LOCKED, ERR_STORE_VERSION, ERR_KEY_FILE
 */
export async function verifyFolder(folder: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  await using store = await openLevelDb(folder, { check: 'report' })
  await using verifier = new VerifierPool()
  return await verifyStore(store, { verifier, ownKeys: await readOwnKeys(folder, store.records), folder }, options)
}

interface Check {
  readonly log: FrontierStore
  readonly note: (fault: Fault) => void
}

interface Sound {
  readonly row: NodeRow
  readonly node: Node
}

/** Returns the rows with a valid form. */
async function checkRows({ log, note }: Check, rows: readonly NodeRow[]): Promise<Sound[]> {
  const sound: Sound[] = []
  for (const row of rows) {
    try {
      const node = decodeNode(row.bytes)
      if (node.text !== undefined) checkEvent(node.text)
      if (node.frontier !== log.name) throw new ReplicaError('ERR_NODE_FRONTIER', `it belongs to ${node.frontier}`)
      sound.push({ row, node })
    } catch (error) {
      if (!hasCode(error)) throw error
      const reason = `${error.code}: ${error.message}`
      note({ kind: 'node', frontier: log.name, seq: row.seq, digest: row.digest, reason })
    }
  }
  await checkParents({ log, note }, sound)
  await checkDocuments({ log, note }, sound)
  return sound
}

async function checkSignatures({ log, note }: Check, verifier: VerifierPool, sound: readonly Sound[]): Promise<void> {
  if (sound.length === 0) return
  const jobs = sound.map(({ node }) => ({ key: node.key, sig: node.sig, message: [signingBytes(node.body)] }))
  const verdicts = await verifier.check(jobs)
  for (const [i, { row }] of sound.entries()) {
    if (verdicts[i] === 1) continue
    const reason = 'the signature is not valid'
    note({ kind: 'signature', frontier: log.name, seq: row.seq, digest: row.digest, reason })
  }
}

async function checkParents({ log, note }: Check, sound: readonly Sound[]): Promise<void> {
  let places: (NodeLocation | undefined)[]
  try {
    places = await log.locate(sound.flatMap(({ node }) => node.parents))
  } catch (error) {
    if (!hasCode(error, 'ERR_STORE_CORRUPT')) throw error
    // One by one, to report the nodes with damaged parents and to check all others.
    if (sound.length > 1) for (const one of sound) await checkParents({ log, note }, [one])
    else note({ kind: 'index', ...rowOf(log, sound[0]!), reason: `${error.message}; ${REINDEX}` })
    return
  }
  let at = 0
  for (const { node, row } of sound) {
    const own = places.slice(at, at + node.parents.length)
    at += node.parents.length
    const seqs = own.map(place => place?.seq)
    const height = own.reduce((most, place) => Math.max(most, (place?.height ?? 0) + 1), 0)
    const same =
      seqs.length === row.parents.length &&
      seqs.every((seq, j) => seq !== undefined && seq === row.parents[j] && seq < row.seq)
    if (same && height === node.height) continue
    const reason = same
      ? `its height is ${height}, but it states ${node.height}`
      : 'its parents are not at the positions in the log'
    note({ kind: 'index', ...rowOf(log, { row }), reason })
  }
}

function rowOf({ name }: FrontierStore, { row }: { row: NodeRow }): Pick<Fault, 'frontier' | 'seq' | 'digest'> {
  return { frontier: name, seq: row.seq, digest: row.digest }
}

/** Checks that linked documents are stored. The store checks that they are whole. */
async function checkDocuments({ log, note }: Check, sound: readonly Sound[]): Promise<void> {
  for (const { node, row } of sound) {
    if (node.links.length === 0) continue
    const at = { kind: 'document', frontier: log.name, seq: row.seq, digest: row.digest } as const
    try {
      const missing = (await new DocumentCheck(log.documents).missingBlocks([node])).get(node.digest) ?? []
      if (missing === 'malformed') note({ ...at, reason: 'a linked block is not a document' })
      else if (missing.length > 0)
        note({
          ...at,
          reason: `${missing.length} ${missing.length === 1 ? 'block' : 'blocks'} of its documents missing`,
        })
    } catch (error) {
      if (!hasCode(error, 'ERR_STORE_CORRUPT')) throw error
      note({ ...at, reason: `its documents are damaged: ${error.message}` })
    }
  }
}

function viewOf(fault: Fault): FaultView {
  const { kind, frontier, seq, digest, reason } = fault
  return {
    kind,
    ...(frontier === undefined ? {} : { frontier }),
    ...(seq === undefined ? {} : { seq }),
    ...(digest === undefined ? {} : { cid: nameOf(fault, digest) }),
    reason,
  }
}

/** Blocks of documents have no sequence number; most are raw. */
function nameOf({ kind, seq }: Fault, digest: Uint8Array): string {
  if (digest.length !== 32) return toHex(digest)
  return cidText(digest, kind === 'document' && seq === undefined ? 'raw' : 'dag-cbor')
}
