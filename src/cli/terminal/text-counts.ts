// The counts of texts by state, as JSON and for people.

import type { TextStatus } from '../../replica/sync/text-status.ts'
import { filterText } from '../filter-options.ts'
import { type Printable, toJsonNames } from './json-output.ts'
import { thousands } from './layout.ts'

/** Returns the members of `texts` in JSON. */
export function textFields(texts: TextStatus): { [key: string]: Printable | undefined } {
  const { keeps, ...counts } = texts
  return toJsonNames({ keeps: typeof keeps === 'string' ? keeps : { ...keeps }, ...counts })
}

/** Returns names and counts as rows of a table. */
export function textRows({ keeps, here, wanted, leftOut, erased, void: broken }: TextStatus): string[][] {
  return [
    ['keeps', typeof keeps === 'string' ? keeps : filterText(keeps)],
    ['here', thousands(here)],
    ['wanted', thousands(wanted)],
    ['left out', thousands(leftOut)],
    ['erased', thousands(erased)],
    ['void', thousands(broken)],
  ]
}

/** Returns the lines of `status` about the texts of a frontier. */
export function textLines(frontier: string, texts: TextStatus): string[] {
  return [`texts of ${frontier}: ${textCounts(texts)}${texts.complete ? '' : '; not complete'}`]
}

/** Returns the counts that are not 0 as one line. */
export function textCounts(texts: TextStatus): string {
  const absent = textRows(texts).filter(([name, count]) => name !== 'keeps' && name !== 'here' && count !== '0')
  return [['here', thousands(texts.here)], ...absent].map(([name, count]) => `${count} ${name}`).join(', ')
}
