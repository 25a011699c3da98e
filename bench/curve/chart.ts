// A small drawing of lines over logarithmic axes, as SVG that is readable on light and dark pages.

/** One line. */
export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  /** A guide is dashed and has no dots. */
  readonly isGuide?: boolean
}

/** One panel: lines that share their axes. */
export interface Panel {
  readonly title: string
  /** What the horizontal axis counts. */
  readonly across: string
  /** How a value of the vertical axis is written. */
  readonly label: (value: number) => string
  readonly series: readonly Series[]
}

const PANEL = { width: 440, height: 310 }
const PLOT = { left: 66, right: 22, top: 58, bottom: 60 }
const COLUMNS = 2

/** Colours with enough contrast on white and on near black; the shapes of dots differ too. */
const STYLE = `
  text { font: 12px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #57606a }
  .title { font-size: 14px; font-weight: 600; fill: #1f2328 }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .line { fill: none; stroke-width: 2 }
  .guide { stroke-dasharray: 5 5 }
  .s0 { stroke: #0969da } .s1 { stroke: #bc4c00 } .s2 { stroke: #6e7781 }
  .d0 { fill: #0969da } .d1 { fill: #bc4c00 } .d2 { fill: #6e7781 }
  .page { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 }
    .title { fill: #f0f6fc }
    .grid { stroke: #3d444d }
    .s0 { stroke: #4493f8 } .s1 { stroke: #f0883e } .s2 { stroke: #9198a1 }
    .d0 { fill: #4493f8 } .d1 { fill: #f0883e } .d2 { fill: #9198a1 }
    .page { fill: #0d1117 }
  }`

/**
 * Draws panels in two columns.
 * @param description what is to be seen, for those who do not see it
 * @throws RangeError for a value that is not over 0: it has no place on a logarithmic axis
 */
export function drawChart(title: string, description: string, panels: readonly Panel[]): string {
  const width = PANEL.width * COLUMNS
  const height = PANEL.height * Math.ceil(panels.length / COLUMNS)
  const drawn = panels.map((panel, index) => {
    const x = (index % COLUMNS) * PANEL.width
    const y = Math.floor(index / COLUMNS) * PANEL.height
    return `<g transform="translate(${x} ${y})">\n${drawPanel(panel).join('\n')}\n</g>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title description">`,
    `<title id="title">${markup(title)}</title>`,
    `<desc id="description">${markup(description)}</desc>`,
    `<style>${STYLE}\n</style>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    ...drawn,
    '</svg>',
    '',
  ].join('\n')
}

function drawPanel({ title, across: counted, label, series }: Panel): string[] {
  const all = series.flatMap(({ points }) => points)
  const across = axis(
    all.map(([x]) => x),
    PLOT.left,
    PANEL.width - PLOT.right,
  )
  const up = axis(
    all.map(([, y]) => y),
    PANEL.height - PLOT.bottom,
    PLOT.top,
  )
  return [
    `<text class="title" x="${PLOT.left}" y="22">${markup(title)}</text>`,
    ...drawLegend(series),
    `<text x="${(PLOT.left + PANEL.width - PLOT.right) / 2}" y="${PANEL.height - PLOT.bottom + 36}" text-anchor="middle">${markup(counted)}</text>`,
    ...up.ticks.flatMap((value) => horizontal(up.place(value), label(value))),
    ...across.ticks.flatMap((value) => vertical(across.place(value), shortCount(value))),
    ...series.flatMap((one, index) => drawSeries(one, index, across.place, up.place)),
  ]
}

interface Axis {
  readonly ticks: readonly number[]
  place(value: number): number
}

/** A logarithmic axis over whole decades, at least one, from one pixel to another. */
function axis(values: readonly number[], from: number, to: number): Axis {
  if (!values.every((value) => value > 0)) throw new RangeError('a logarithmic axis has only values over 0')
  const low = Math.floor(Math.log10(Math.min(...values)) + 1e-9)
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values)) - 1e-9))
  return {
    ticks: Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)),
    place: (value) => round(from + ((Math.log10(value) - low) / (high - low)) * (to - from)),
  }
}

function drawLegend(series: readonly Series[]): string[] {
  let x = PLOT.left
  return series.map(({ name, isGuide }, index) => {
    const at = x
    // About seven pixels for a letter of this size.
    x += 34 + name.length * 6.6
    const dash = isGuide ? ' guide' : ''
    const line = `<line class="line s${index}${dash}" x1="${round(at)}" y1="38" x2="${round(at + 18)}" y2="38"/>`
    return `${line}<text x="${round(at + 23)}" y="42">${markup(name)}</text>`
  })
}

function drawSeries(
  { points, isGuide }: Series,
  index: number,
  across: (x: number) => number,
  up: (y: number) => number,
): string[] {
  const places = points.map(([x, y]) => [across(x), up(y)] as const)
  const path = places.map(([x, y], at) => `${at === 0 ? 'M' : 'L'}${x} ${y}`).join('')
  const line = `<path class="line s${index}${isGuide ? ' guide' : ''}" d="${path}"/>`
  if (isGuide) return [line]
  return [line, ...places.map(([x, y]) => dot(x, y, index))]
}

/** Circles for the first line, squares for the others. */
function dot(x: number, y: number, index: number): string {
  if (index === 0) return `<circle class="d0" cx="${x}" cy="${y}" r="4"/>`
  return `<rect class="d${index}" x="${round(x - 3.5)}" y="${round(y - 3.5)}" width="7" height="7"/>`
}

function horizontal(y: number, text: string): string[] {
  return [
    `<line class="grid" x1="${PLOT.left}" y1="${y}" x2="${PANEL.width - PLOT.right}" y2="${y}"/>`,
    `<text x="${PLOT.left - 8}" y="${y + 4}" text-anchor="end">${markup(text)}</text>`,
  ]
}

function vertical(x: number, text: string): string[] {
  const bottom = PANEL.height - PLOT.bottom
  return [
    `<line class="grid" x1="${x}" y1="${PLOT.top}" x2="${x}" y2="${bottom}"/>`,
    `<text x="${x}" y="${bottom + 18}" text-anchor="middle">${markup(text)}</text>`,
  ]
}

/** 100, 10k, 1M. */
function shortCount(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`
  return value >= 1e3 ? `${value / 1e3}k` : String(value)
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function markup(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
