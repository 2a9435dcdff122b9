// Imports into a frontier that may not exist yet. A failed import leaves no empty frontier: the
// beginning of the log is checked against a frontier in memory before the store creates one.

import { hasCode } from '../../base/errors.ts'
import { abortError } from '../../base/signal.ts'
import { importEvent } from '../../event/event.ts'
import type { ReplicaContext } from '../replica-context.ts'
import { dryRunImport } from './dry-run.ts'
import { importLog } from './import-events.ts'
import type { ImportOptions, ImportReport, LogReader } from './import-reader.ts'

/**
 * Texts that are read before the frontier is created; more if none of them can be a first event,
 */
const TEXTS_MIN = 512
/** Bytes at which that reading stops. */
const BYTES_MAX = 8 * 1024 * 1024

/**
 * Imports a log, and creates the frontier if needed.
 * @throws ReplicaError ERR_FRONTIER_ID, ERR_ABORTED, ERR_JSON if the input is not a log
 */
export async function importFrontierEvents(
  context: ReplicaContext,
  { frontier, log }: { frontier: string; log: LogReader },
  options: ImportOptions,
): Promise<ImportReport> {
  const sound = context.frontiers.has(frontier) ? { log } : await soundLog(context, { frontier, log }, options)
  if ('report' in sound) return sound.report
  const target = await context.openFrontier(frontier)
  const parts = { frontier: target, author: context, log: sound.log }
  const report = await target.exclusive(() => importLog(parts, { ...options, ...sound.checked }))
  context.checkHeads(frontier)
  return report
}

type Sound = { readonly log: LogReader; readonly checked?: { readonly strict: false } }

/** Returns the log to import, or the report if the log can't add anything to an empty frontier. */
async function soundLog(
  context: ReplicaContext,
  { frontier, log }: { frontier: string; log: LogReader },
  options: ImportOptions,
): Promise<Sound | { readonly report: ImportReport }> {
  const parts = { frontier: await context.inMemoryFrontier(frontier), author: context }
  if (options.strict === true) {
    const report = await dryRunImport({ ...parts, log }, options)
    return report.refusedCount > 0 ? { report } : { log, checked: { strict: false } }
  }
  const { texts, canBegin } = await beginning(log, options)
  if (canBegin) return { log: () => texts }
  const read: Uint8Array[] = []
  for await (const text of texts) read.push(text)
  const report = await importLog({ ...parts, log: () => read }, options)
  return report.refusedCount > 0 ? { report } : { log: () => read }
}

/**
 * Returns all texts of the log, of which the first are read already, and whether an event can be
 * the first of a frontier.
 */
async function beginning(
  log: LogReader,
  { signal }: ImportOptions,
): Promise<{ texts: AsyncIterable<Uint8Array>; canBegin: boolean }> {
  const rest = stepsOf(log())
  const texts: Uint8Array[] = []
  let bytes = 0
  let canBegin = false
  let isOver = false
  while (!isOver && bytes < BYTES_MAX && (texts.length < TEXTS_MIN || !canBegin)) {
    if (signal?.aborted) throw abortError(signal, `import aborted: events read ${texts.length}, added 0`)
    const step = await rest.next()
    isOver = step.done === true
    if (step.done) break
    texts.push(Uint8Array.from(step.value)) // the reader may use its bytes for the next one
    bytes += step.value.length
    canBegin ||= isFirst(step.value)
  }
  return { texts: goOn(texts, rest), canBegin: canBegin || !isOver }
}

async function* stepsOf(log: ReturnType<LogReader>): AsyncGenerator<Uint8Array, void, undefined> {
  yield* log
}

async function* goOn(texts: readonly Uint8Array[], rest: ReturnType<typeof stepsOf>): AsyncGenerator<Uint8Array> {
  try {
    yield* texts
    yield* rest
  } finally {
    await rest.return()
  }
}

/** Returns whether the event names no parent. */
function isFirst(text: Uint8Array): boolean {
  try {
    return (importEvent(text).head.parents ?? []).length === 0
  } catch (error) {
    if (hasCode(error)) return false
    throw error
  }
}
