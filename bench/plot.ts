// Draws cost against size as an SVG: two logarithmic axes, a line and a marker for each series, a
// legend. It is generated without a package, so it looks the same everywhere and its diff shows
// only changed numbers.

export interface Series {
  readonly name: string
  /**
   * Pairs (x, y), both above 0; any other value is a TypeError, because the axes are logarithmic.
   */
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface Plot {
  readonly title: string
  /** Titles of the axes, with units. */
  readonly x: string
  readonly y: string
  readonly series: readonly Series[]
}

const width = 860
const height = 460
const frame = { left: 76, right: 560, top: 48, bottom: 400 }
const colours = ['#2563a8', '#c2571a', '#2e7d4f', '#8e3b8a', '#b0902a', '#3a8f9c', '#b33a4b', '#5f6672']
const marks = ['circle', 'square', 'diamond', 'triangle'] as const

/** Returns the text of an SVG file. @throws TypeError without a point to draw */
export function plotSvg(plot: Plot): string {
  const points = plot.series.flatMap(series => series.points)
  if (points.length === 0) throw new TypeError('a plot needs at least one point')
  for (const [x, y] of points) {
    if (!(x > 0 && y > 0 && Number.isFinite(x) && Number.isFinite(y)))
      throw new TypeError(`(${x}, ${y}) can't be drawn`)
  }
  const across = new Axis(
    points.map(([x]) => x),
    frame.left,
    frame.right,
  )
  const up = new Axis(
    points.map(([, y]) => y),
    frame.bottom,
    frame.top,
  )
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>${escaped(plot.title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    label(frame.left, 26, plot.title, 'font-size="15" font-weight="600" fill="#1c2430"'),
    ...grid(across, up),
    label((frame.left + frame.right) / 2, height - 16, plot.x, 'text-anchor="middle" fill="#3d4653"'),
    label(
      0,
      0,
      plot.y,
      `text-anchor="middle" fill="#3d4653" transform="translate(18 ${(frame.top + frame.bottom) / 2}) rotate(-90)"`,
    ),
    ...plot.series.flatMap((series, index) => drawn(series, index, across, up)),
    '</svg>',
  ]
  return `${parts.join('\n')}\n`
}

/** A logarithmic axis over whole decades, at least one, that covers all values. */
class Axis {
  readonly first: number
  readonly last: number
  readonly #from: number
  readonly #to: number

  constructor(values: readonly number[], from: number, to: number) {
    this.first = Math.floor(Math.log10(values.reduce((a, b) => Math.min(a, b))) + 1e-9)
    this.last = Math.max(this.first + 1, Math.ceil(Math.log10(values.reduce((a, b) => Math.max(a, b))) - 1e-9))
    this.#from = from
    this.#to = to
  }

  at(value: number): number {
    const share = (Math.log10(value) - this.first) / (this.last - this.first)
    return round(this.#from + share * (this.#to - this.#from))
  }

  /** The powers of ten on the axis. */
  decades(): number[] {
    return Array.from({ length: this.last - this.first + 1 }, (_, step) => 10 ** (this.first + step))
  }
}

function grid(across: Axis, up: Axis): string[] {
  const { left, right, top, bottom } = frame
  const parts = []
  for (const value of across.decades()) {
    const x = across.at(value)
    parts.push(`<path d="M${x} ${top}V${bottom}" stroke="#e3e7ec"/>`)
    parts.push(label(x, bottom + 18, short(value), 'text-anchor="middle" fill="#5f6672"'))
  }
  for (const value of up.decades()) {
    const y = up.at(value)
    parts.push(`<path d="M${left} ${y}H${right}" stroke="#e3e7ec"/>`)
    parts.push(label(left - 8, y + 4, short(value), 'text-anchor="end" fill="#5f6672"'))
  }
  parts.push(`<path d="M${left} ${top}V${bottom}H${right}" fill="none" stroke="#9aa3af"/>`)
  return parts
}

function drawn(series: Series, index: number, across: Axis, up: Axis): string[] {
  const colour = colours[index % colours.length]!
  const places = [...series.points].sort(([a], [b]) => a - b).map(([x, y]) => [across.at(x), up.at(y)] as const)
  const line = places.map(([x, y]) => `${x} ${y}`).join('L')
  const dash = index >= colours.length ? ' stroke-dasharray="5 3"' : ''
  const row = frame.top + 10 + index * 20
  return [
    `<g stroke="${colour}" fill="${colour}">`,
    ...(places.length > 1 ? [`<path d="M${line}" fill="none" stroke-width="1.8"${dash}/>`] : []),
    ...places.map(([x, y]) => mark(index, x, y)),
    `<path d="M${frame.right + 16} ${row}h22" stroke-width="1.8"${dash}/>`,
    mark(index, frame.right + 27, row),
    '</g>',
    label(frame.right + 46, row + 4, series.name, 'fill="#1c2430"'),
  ]
}

/**
 * Each series also has its own marker, because colours alone are not visible to all readers and
 * printers.
 */
function mark(index: number, x: number, y: number): string {
  switch (marks[index % marks.length]!) {
    case 'circle':
      return `<circle cx="${x}" cy="${y}" r="3.4"/>`
    case 'square':
      return `<path d="M${round(x - 3)} ${round(y - 3)}h6v6h-6z"/>`
    case 'diamond':
      return `<path d="M${x} ${round(y - 4.4)}l4.4 4.4l-4.4 4.4l-4.4 -4.4z"/>`
    case 'triangle':
      return `<path d="M${x} ${round(y - 4)}l4 7h-8z"/>`
  }
}

function label(x: number, y: number, text: string, attributes: string): string {
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escaped(text)}</text>`
}

/** 1000 → 1k, 0.001 → 0.001, 1000000 → 1M. */
function short(value: number): string {
  for (const [unit, letter] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (value >= unit) return `${Math.round(value / unit)}${letter}`
  }
  return value >= 1e-4 ? String(Number(value.toPrecision(1))) : value.toExponential(0)
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
