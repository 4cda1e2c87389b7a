import { nelderMead } from './nelder-mead.ts'

/** Which numbers of a table make a series: those of one column over time, where another column has a given value. */
export interface SeriesChoice {
  readonly column: string
  readonly time: string
  readonly where?: { readonly column: string, readonly is: string }
}

export interface Point {
  /** In years since the first point. */
  readonly t: number
  readonly y: number
}

/** A trend with a bend, and one wave: y = level + slope·t + bend·t² + wave·sin(2π·t/period + phase). */
export interface Fit {
  readonly points: number
  readonly level: number
  readonly slope: number
  readonly bend: number
  readonly wave: number
  readonly period: number
  readonly phase: number
  /** The root of the mean squared error, in the unit of the data. */
  readonly error: number
  readonly evaluations: number
}

const msPerYear = 365.25 * 86_400_000

/** @param csv a table with a heading, whose fields hold no commas */
export function seriesIn(csv: string, { column, time, where }: SeriesChoice): Point[] {
  const [heading = '', ...lines] = csv.trim().split(/\r?\n/)
  const names = heading.split(',')
  const [at, when, which] = [column, time, where?.column].map((name) => name === undefined ? -1 : names.indexOf(name))
  if (at! < 0 || when! < 0) throw new RangeError(`the table has no column '${at! < 0 ? column : time}'; it has ${names.join(', ')}`)
  const rows = lines.map((line) => line.split(',')).filter((fields) => !where || fields[which!] === where.is)
  const dated = rows.map((fields) => ({ at: Date.parse(`${fields[when!]} UTC`), y: Number(fields[at!]) }))
  const clean = dated.filter((point) => Number.isFinite(point.at) && Number.isFinite(point.y))
  const first = clean.reduce((earliest, point) => Math.min(earliest, point.at), Infinity)
  return clean.map((point) => ({ t: (point.at - first) / msPerYear, y: point.y }))
}

/** The best fit of several searches, each from another period, since the error has many valleys. */
export function fitWave(points: readonly Point[], rounds: number): Fit {
  const years = points.reduce((most, { t }) => Math.max(most, t), 0)
  const mean = points.reduce((sum, { y }) => sum + y, 0) / points.length
  const spread = Math.sqrt(points.reduce((sum, { y }) => sum + (y - mean) ** 2, 0) / points.length)
  const squaredError = ([level, slope, bend, wave, period, phase]: readonly number[]): number => {
    let sum = 0
    for (const { t, y } of points) sum += (level! + (slope! + bend! * t) * t + wave! * Math.sin(2 * Math.PI * t / period! + phase!) - y) ** 2
    return sum / points.length
  }
  const searches = [1, 0.5, years / 4, years].map((period) =>
    nelderMead(squaredError, [mean, 0, 0, spread, period, 0], [spread, spread / years, spread / years ** 2, spread / 2, period / 20, 1], rounds))
  const { at: [level, slope, bend, wave, period, phase], value } = searches.reduce((a, b) => b.value < a.value ? b : a)
  return {
    points: points.length,
    level: level!,
    slope: slope!,
    bend: bend!,
    wave: wave!,
    period: period!,
    phase: phase!,
    error: Math.sqrt(value),
    evaluations: searches.reduce((sum, { evaluations }) => sum + evaluations, 0)
  }
}
