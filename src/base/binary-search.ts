// Binary search over anything with ascending indexes.

/**
 * Returns the first index of 0 … `length` − 1 for which `isBefore` is false, or `length` where it
 * is true for all. `isBefore` is true for a prefix of the indexes and false for the rest.
 */
export function lowerBound(length: number, isBefore: (index: number) => boolean): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore(middle)) low = middle + 1
    else high = middle
  }
  return low
}
