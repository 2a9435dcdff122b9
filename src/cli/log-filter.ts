// The options that select nodes of a log, for `replica log`.
//
// The text to search for is literal: a pattern from a flag could take exponential time.

import { CLI_LIMITS } from '../base/cli-limits.ts'
import type { EventView } from '../event/event-view.ts'
import { compareInstants, type Instant, readInstant } from '../json/instant.ts'
import type { NodeView } from '../replica/node-view.ts'
import type { Args } from './args.ts'
import type { OptionSpec } from './command-spec.ts'
import { usage } from './terminal/output.ts'

export const LOG_FILTER_OPTIONS: readonly OptionSpec[] = [
  { name: 'actor', value: 'id', repeated: true, help: 'only events of this actor; can be repeated' },
  { name: 'kind', value: 'kind', repeated: true, help: 'only events of this kind; can be repeated' },
  { name: 'target', value: 'id', repeated: true, help: 'only events about this target; can be repeated' },
  { name: 'key', value: 'hex', repeated: true, help: 'only nodes signed with this key, or a prefix; can be repeated' },
  { name: 'since', value: 'time', help: 'only events of this time or later: a date in UTC, or RFC 3339' },
  { name: 'until', value: 'time', help: 'only events before this time: a date in UTC, or RFC 3339' },
  { name: 'grep', value: 'text', help: 'only events whose reason has this text; case does not matter' },
]

/** Returns whether a node is selected. */
export type LogFilter = (node: NodeView) => boolean

/**
 * Returns the filter of the options; undefined without one. A node matches if it matches each
 * option, and one value of a repeated option. A node without its text matches no option but --key.
 * @throws ReplicaError ERR_USAGE for a malformed time or key, and for too many values
 */
export function logFilterOf(args: Args): LogFilter | undefined {
  const keys = listOf(args, 'key').map(keyPrefix)
  const tests = eventTestsOf(args)
  if (keys.length === 0 && tests.length === 0) return undefined
  return ({ key, event }) => {
    if (keys.length > 0 && !keys.some(prefix => key.startsWith(prefix))) return false
    return tests.length === 0 || (event !== undefined && tests.every(matches => matches(event)))
  }
}

type EventTest = (event: EventView) => boolean

function eventTestsOf(args: Args): EventTest[] {
  const tests: EventTest[] = []
  const [actors, kinds, targets] = [listOf(args, 'actor'), listOf(args, 'kind'), listOf(args, 'target')]
  if (actors.length > 0) tests.push(event => actors.includes(event.actor.id))
  if (kinds.length > 0) tests.push(event => kinds.includes(event.kind))
  if (targets.length > 0)
    tests.push(({ target }) => targets.includes(target.id) || targets.includes(`${target.type}:${target.id}`))
  const [since, until] = [instantOf(args, 'since'), instantOf(args, 'until')]
  if (since !== undefined) tests.push(event => compareTime(event, since) >= 0)
  if (until !== undefined) tests.push(event => compareTime(event, until) < 0)
  const words = args.text('grep')?.toLowerCase()
  if (words !== undefined) tests.push(event => event.reason.toLowerCase().includes(words))
  return tests
}

/** Returns NaN, which no bound accepts, for an event whose time is not an RFC 3339 text. */
function compareTime({ timestamp }: EventView, bound: Instant): number {
  const at = readInstant(timestamp)
  return at === undefined ? Number.NaN : compareInstants(at, bound)
}

function instantOf(args: Args, name: string): Instant | undefined {
  const text = args.text(name)
  if (text === undefined) return undefined
  const instant = readInstant(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text)
  if (instant !== undefined) return instant
  throw usage(
    `--${name} must be a date or an RFC 3339 time, not ${JSON.stringify(text)}`,
    `for example --${name} 2026-01-31 or --${name} 2026-01-31T08:00:00Z`,
  )
}

function keyPrefix(text: string): string {
  if (/^[0-9a-f]{4,64}$/i.test(text)) return text.toLowerCase()
  throw usage(`--key must have 4 to 64 hex digits, not ${JSON.stringify(text)}`)
}

function listOf(args: Args, name: string): readonly string[] {
  const values = args.all(name)
  if (values.length <= CLI_LIMITS.logFilterValuesMax) return values
  throw usage(`--${name} is given ${values.length} times; the most is ${CLI_LIMITS.logFilterValuesMax}`)
}
