import { join } from 'node:path'
import type { Client } from '../../client/client.ts'
import type { JobHandle } from '../../client/job-handle.ts'
import { type Task, type TaskDefinition, definitionOf } from '../../tasks/task.ts'
import type { SeriesChoice } from './series.ts'
import { download, fitCurve, flaky, invertMatrix, searchText } from './tasks.ts'

/** One task with the arguments of all its calls. */
export interface Step {
  readonly definition: TaskDefinition
  readonly calls: number
  readonly enqueue: (client: Client) => Promise<JobHandle[]>
  /** The function itself, called here and now. */
  readonly call: (at: number) => unknown
}

export interface WorkloadPlace {
  /** The URL of the data server. */
  readonly server: string
  /** Where downloads are written, and read again. */
  readonly folder: string
  readonly files: readonly string[]
}

const matrixSize = 400
const matrixFiles = [
  'airports.csv', 'budget.json', 'cars.json', 'co2-concentration.csv', 'flights-5k.json',
  'gapminder.json', 'population.json', 'seattle-weather.csv', 'sp500-2000.csv', 'stocks.csv', 'us-employment.csv', 'windvectors.csv'
]

/** Places that data may speak of. */
const names = `alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii idaho illinois
  indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi missouri montana nebraska
  nevada ohio oklahoma oregon pennsylvania tennessee texas utah vermont virginia washington wisconsin wyoming
  argentina australia austria bangladesh belgium brazil bulgaria cambodia cameroon canada chile china colombia croatia denmark
  ecuador egypt ethiopia finland france germany ghana greece guatemala hungary iceland india indonesia ireland israel italy
  jamaica japan kenya lebanon lithuania luxembourg madagascar malaysia mexico mongolia morocco mozambique nepal netherlands
  nicaragua nigeria norway pakistan panama paraguay philippines portugal romania rwanda senegal singapore slovakia slovenia
  spain sweden switzerland tanzania thailand tunisia turkey uganda ukraine uruguay venezuela vietnam zambia zimbabwe`.split(/\s+/)

const fitRounds = 1_500
const seattle = (column: string): [string, SeriesChoice] => ['seattle-weather.csv', { column, time: 'date' }]
const newYork = (column: string): [string, SeriesChoice] => ['weather.csv', { column, time: 'date', where: { column: 'location', is: 'New York' } }]
const series: readonly [file: string, SeriesChoice][] = [
  seattle('temp_max'), seattle('temp_min'), seattle('wind'), seattle('precipitation'),
  newYork('temp_max'), newYork('temp_min'), newYork('wind'), newYork('precipitation'),
  ['co2-concentration.csv', { column: 'CO2', time: 'Date' }],
  ['co2-concentration.csv', { column: 'adjusted CO2', time: 'Date' }],
  ['us-employment.csv', { column: 'construction', time: 'month' }],
  ['stocks.csv', { column: 'price', time: 'date', where: { column: 'symbol', is: 'IBM' } }]
]

/** The demo's work, step by step: what a step reads, an earlier one has written. The same steps for the queue and for one after another. */
export function workload({ server, folder, files }: WorkloadPlace): readonly Step[] {
  const path = (file: string): string => join(folder, file)
  return [
    step(download, files.map((file) => [server, file, folder])),
    step(flaky, [[server], [server], [server]]),
    step(searchText, files.map((file) => [path(file), names])),
    step(invertMatrix, matrixFiles.filter((file) => files.includes(file)).map((file) => [path(file), matrixSize])),
    step(fitCurve, series.filter(([file]) => files.includes(file)).map(([file, choice]) => [path(file), choice, fitRounds]))
  ]
}

function step<Args extends unknown[], Result>(task: Task<Args, Result>, calls: readonly NoInfer<Args>[]): Step {
  return {
    definition: definitionOf(task, 'workload'),
    calls: calls.length,
    enqueue: (client) => client.enqueueMany(task, calls),
    call: (at) => task(...calls[at]!)
  }
}
