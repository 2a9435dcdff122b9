// Says which part of a frontier a result leaves out, because texts are not here. Results of a full
// replica do not mention it. Spec: protocol/text.md, X20.

import type { Printable } from './json-output.ts'
import { plural } from './layout.ts'

/** Returns the member `withheld` of a JSON object; none if nothing is withheld. */
export function withheldFields(withheld: number): { [key: string]: Printable } {
  return withheld === 0 ? {} : { withheld }
}

/** Returns the line for people; none if nothing is withheld. */
export function withheldLines(withheld: number): string[] {
  return withheld === 0 ? [] : [`withheld: the texts of ${plural(withheld, 'node')} are not here and not considered`]
}
