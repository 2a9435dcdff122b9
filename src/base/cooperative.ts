// Long work in pieces: a generator that pauses between them. Who has nothing else to do finishes it in one go; a hub lets
// others have their turn at each pause.

export type CooperativeTask<T> = Generator<undefined, T, undefined>

/** All of it at once. @throws what the work throws */
export function runToCompletion<T>(work: CooperativeTask<T>): T {
  let piece = work.next()
  while (piece.done !== true) piece = work.next()
  return piece.value
}
