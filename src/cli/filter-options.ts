// The options of a filter over texts, which `clone` and `texts fetch` share.

import type { TextFilter } from '../base/text-filter.ts'
import type { Args } from './args.ts'
import type { OptionSpec } from './command-spec.ts'

export const FILTER_OPTIONS: readonly OptionSpec[] = [
  { name: 'since', value: 'time', help: 'texts of events from this time on: a date, or RFC 3339' },
  { name: 'kind', value: 'kind', repeated: true, help: 'texts of events of this kind; can be repeated' },
  { name: 'target', value: 'id', repeated: true, help: 'texts of events about this target; can be repeated' },
]

/** Returns the filter of the options; undefined without one. The library checks it. */
export function filterOf(args: Args): TextFilter | undefined {
  const since = args.text('since')
  const [kinds, targets] = [args.all('kind'), args.all('target')]
  const filter: TextFilter = {
    ...(since === undefined ? {} : { since: /^\d{4}-\d{2}-\d{2}$/.test(since) ? `${since}T00:00:00Z` : since }),
    ...(kinds.length === 0 ? {} : { kinds }),
    ...(targets.length === 0 ? {} : { targets }),
  }
  return Object.keys(filter).length === 0 ? undefined : filter
}

/** Returns a filter in words. */
export function filterText({ since, kinds, targets }: TextFilter): string {
  const parts = [
    ...(since === undefined ? [] : [`since ${since}`]),
    ...(kinds === undefined ? [] : [`kind ${kinds.join(' or ')}`]),
    ...(targets === undefined ? [] : [`about ${targets.join(' or ')}`]),
  ]
  return parts.join(', ')
}
