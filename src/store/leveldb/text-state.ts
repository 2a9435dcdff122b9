// The byte that stands for the state of a text in log/ and index/. Spec: protocol/store.md, T26.

import type { TextState } from '../store.ts'

/** Words of a code with distance 4, so that a flipped bit does not make one state of another. */
export const TEXT_CODE: Record<TextState, number> = {
  here: 0x0f,
  wanted: 0x33,
  'left-out': 0x55,
  erased: 0x69,
  void: 0x96,
}
const TEXT_STATES = new Map(Object.entries(TEXT_CODE).map(([state, code]) => [code, state as TextState]))

/** The state that a code stands for; undefined when it is damaged. */
export function textStateOf(code: number | undefined): TextState | undefined {
  return TEXT_STATES.get(code ?? 0)
}
