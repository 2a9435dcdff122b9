// Checks an import without building nodes. It reads everything, keeps no text, and reports the
// events that the import would refuse, except children of refused events. With `strict` it decides
// whether the import starts.

import { toHex } from '../../base/bytes.ts'
import { NODE_LIMITS } from '../../base/limits.ts'
import { abortError } from '../../base/signal.ts'
import type { EventHead } from '../../event/event.ts'
import type { Frontier } from '../frontier.ts'
import { type Author, NodeBuilder, tooManyParents } from '../node-builder.ts'
import { type ImportOptions, ImportReader, type ImportReport, type LogReader } from './import-reader.ts'

/** The part of an event that the check keeps. */
interface Named {
  readonly index: number
  readonly head: Pick<EventHead, 'id' | 'parents'>
}

/**
 * Returns the report of a strict import.
 * @throws ReplicaError ERR_ABORTED
 */
export async function dryRunImport(
  { frontier, author, log }: { frontier: Frontier; author: Author; log: LogReader },
  { signal }: Pick<ImportOptions, 'signal'>,
): Promise<ImportReport> {
  const builder = new NodeBuilder(frontier, author)
  const reading = new ImportReader(log)
  const ids = new Set<string>()
  const fresh: Named[] = []
  const checkAborted = (): undefined => {
    if (!signal?.aborted) return
    throw abortError(signal, `import aborted: events read ${reading.read}, added 0`)
  }
  for await (const chunk of reading.chunks(checkAborted)) {
    const known = await builder.known(chunk)
    for (const [i, { index, head }] of chunk.entries()) {
      ids.add(head.id)
      if (!known[i]) fresh.push({ index, head: { id: head.id, parents: head.parents } })
    }
  }
  for (const event of fresh) await rehearseParents(event, { builder, reading, ids })
  return reading.report(frontier.log.name, { added: 0, known: 0 })
}

/**
 * Finds the missing parents that NodeBuilder would find. The size of a node is within the limit if
 * its event and its parents are.
 */
async function rehearseParents(
  event: Named,
  parts: { builder: NodeBuilder; reading: ImportReader; ids: ReadonlySet<string> },
): Promise<void> {
  const { builder, reading, ids } = parts
  const names = new Set(event.head.parents)
  const nodes = new Set<string>()
  for (const parent of names) {
    if (names.size <= NODE_LIMITS.parentsMax && ids.has(parent)) continue
    const stored = await builder.stored(parent)
    if (stored === undefined && !ids.has(parent)) {
      return reading.refuse(event, 'ERR_EVENT_PARENT', `has the unknown parent ${parent}`)
    }
    nodes.add(stored === undefined ? parent : toHex(stored.digest))
  }
  if (nodes.size > NODE_LIMITS.parentsMax) reading.refuse(event, 'ERR_EVENT_PARENT', tooManyParents(nodes.size))
}
