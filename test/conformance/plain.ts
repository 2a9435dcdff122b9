// Plain JavaScript values of JSON objects.

export type Plain = Record<string, unknown>

export function isObject(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
