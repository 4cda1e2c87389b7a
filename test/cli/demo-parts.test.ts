import { readFileSync } from 'node:fs'
import { type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../../src/cli/demo/account.ts'
import { dataServer } from '../../src/cli/demo/data-server.ts'
import { findDatasets } from '../../src/cli/demo/datasets.ts'
import { type JournalLine, digestOf } from '../../src/cli/demo/journal.ts'
import { inverse, matrixFrom, numbersIn, residual } from '../../src/cli/demo/matrix.ts'
import { nelderMead } from '../../src/cli/demo/nelder-mead.ts'
import { oneAfterAnother } from '../../src/cli/demo/one-after-another.ts'
import { paysFrom } from '../../src/cli/demo/places.ts'
import { progressOn } from '../../src/cli/demo/progress.ts'
import { fitWave, seriesIn } from '../../src/cli/demo/series.ts'
import { download, flaky } from '../../src/cli/demo/tasks.ts'
import { searchFor } from '../../src/cli/demo/text-search.ts'
import { workload } from '../../src/cli/demo/workload.ts'
import { type Job, born, happen } from '../../src/jobs/job.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { decode, encode } from '../../src/wire/codec.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

describe('the functions', () => {
  test('an inverse undoes its matrix, whatever the numbers', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: -999, max: 999 }), { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 12 }), (numbers, n) => {
      const matrix = matrixFrom(numbers, n)
      expect(residual(matrix, inverse(matrix, n), n)).toBeLessThan(1e-9)
    }))
  })

  test('rows are swapped where a pivot is zero, and a singular matrix is refused', () => {
    expect([...inverse(Float64Array.of(0, 2, 1, 0), 2)]).toEqual([0, 1, 0.5, 0])
    expect(() => inverse(Float64Array.of(1, 2, 2, 4), 2)).toThrow('singular')
  })

  test('numbers are read as they are written', () => {
    expect(numbersIn('a,-1.5,2e3\n{"x": 7}')).toEqual([-1.5, 2_000, 7])
  })

  test('Nelder-Mead finds the bottom of a curved valley', () => {
    const { at, value } = nelderMead(([x, y]) => (1 - x!) ** 2 + 100 * (y! - x! ** 2) ** 2, [-1.2, 1], [0.5, 0.5], 400)
    expect(value).toBeLessThan(1e-9)
    expect(at[0]).toBeCloseTo(1, 4)
  })

  test("the year is found in Seattle's temperatures", () => {
    const { folder } = findDatasets()
    const points = seriesIn(readFileSync(join(folder, 'seattle-weather.csv'), 'utf8'), { column: 'temp_max', time: 'date' })
    expect(points).toHaveLength(1_461)
    expect(fitWave(points, 500).period).toBeCloseTo(1, 1)
  })

  test('a series of a column that is not there is refused with those that are', () => {
    expect(() => seriesIn('date,price\n2020-01-01,1', { column: 'cost', time: 'date' })).toThrow("no column 'cost'; it has date, price")
  })

  test('a search forgives typing errors', () => {
    expect(searchFor(['texas', 'ohio'], 'Born in Texs\nLives in Ohio, loves Ohio\n')).toEqual({
      lines: 3,
      words: 6,
      different: 5,
      terms: [{ term: 'texas', lines: 0, nearest: 'texs', distance: 1 }, { term: 'ohio', lines: 1, nearest: 'ohio', distance: 0 }]
    })
  })
})

describe('the data server', () => {
  const datasets = findDatasets()
  const server = dataServer(datasets, { latency: [0, 1], bandwidth: 1e9 })
  const { path: folder, [Symbol.dispose]: removeFolder } = temporaryFolder()
  let url: string

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
    removeFolder()
  })

  test('there are some forty files', () => {
    expect(datasets.files.length).toBeGreaterThanOrEqual(38)
    expect(datasets.files.length).toBeLessThanOrEqual(45)
  })

  test.each(['../package.json', '..%2fpackage.json', '%2e%2e/package.json', '..%5cpackage.json', '', 'nothing.csv'])('%j is not there', async (path) => {
    expect((await fetch(url + path)).status).toBe(404)
  })

  test('a path that is no URL text does it no harm', async () => {
    await expect(fetch(`${url}%E0%A4%A`)).rejects.toThrow()
    expect((await fetch(`${url}stocks.csv`)).status).toBe(200)
  })

  test('a download is the file, byte for byte, and can be done again', async () => {
    const original = readFileSync(join(datasets.folder, 'stocks.csv'))
    for (let time = 0; time < 2; time++) {
      expect(await download(url, 'stocks.csv', folder)).toEqual({ name: 'stocks.csv', bytes: original.length, sha256: digestOf(original) })
    }
    expect(readFileSync(join(folder, 'stocks.csv')).equals(original)).toBe(true)
    await expect(download(url, 'nothing.csv', folder)).rejects.toThrow('404')
  })

  test('one after another: a call that fails is tried again by its own rules', async () => {
    await expect(flaky(url)).rejects.toThrow('not ready at attempt 1: the server answered 503')
    const steps = workload({ server: url, folder, files: ['stocks.csv'] }).filter(({ definition }) => definition.name !== 'download')
    const done = await Array.fromAsync(oneAfterAnother(steps))
    expect(done.map(({ task }) => task)).toEqual(['flaky', 'flaky', 'flaky', 'searchText', 'invertMatrix', 'fitCurve'])
    expect(decode(done[0]!.result)).toBe('ready')
    expect(done[0]!.wall).toBeGreaterThanOrEqual(290)
  })
})

describe('the account', () => {
  const result = new Uint8Array([7])
  const spent = { wall: 1, cpu: 1 }
  const fresh = born({ id: 'j1', task: 't', queue: 'default', place: 'loop', priority: 0, payload: new Uint8Array(), delay: 0, expires: Infinity, tags: [] }, 0)
  const taken = happen(fresh, { event: 'reserve', worker: 'w1' }, 1)
  const done = happen(taken, { event: 'succeed', result, spent }, 2)
  const line = (what: JournalLine['what'], token: number): JournalLine =>
    ({ what, task: 't', job: 'j1', attempt: 1, token, pid: token, thread: 1, ...(what === 'finished' ? { digest: digestOf(encode(result)) } : {}) })
  const held = (first: Job, last: Job | undefined, ...lines: JournalLine[]): object => account(new Map([['j1', first]]), last ? [last] : [], lines)

  test('a job that ran once is sound', () => {
    expect(held(done, done, line('started', 1), line('finished', 1))).toEqual({
      jobs: 1, lost: 0, acceptedTwice: 0, unwitnessed: 0, runAgain: 0, finishedAgain: 0, deliveries: 1
    })
  })

  test('a job whose worker died has run again, and was accepted once', () => {
    const again = happen(happen(taken, { event: 'rescue' }, 5), { event: 'reserve', worker: 'w2' }, 6)
    const rescued = happen(again, { event: 'succeed', result, spent }, 7)
    const lines = [line('started', 1), line('finished', 1), line('started', 2), line('finished', 2)]
    expect(held(rescued, rescued, ...lines)).toMatchObject({ lost: 0, acceptedTwice: 0, runAgain: 1, finishedAgain: 1, deliveries: 2 })
  })

  test('a job that is gone or failed is lost', () => {
    expect(held(done, undefined)).toMatchObject({ lost: 1 })
    expect(held(done, happen(taken, { event: 'fail', error: { name: 'E', message: '' } }, 2))).toMatchObject({ lost: 1 })
  })

  test('an end that changed after it was heard of was accepted twice', () => {
    expect(held(done, { ...done, token: 2 })).toMatchObject({ acceptedTwice: 1 })
    expect(held(done, { ...done, finishedAt: 9 })).toMatchObject({ acceptedTwice: 1 })
  })

  test('an accepted result that no attempt wrote down is told', () => {
    expect(held(done, done, line('started', 1))).toMatchObject({ unwitnessed: 1 })
  })
})

describe('from where a place pays', () => {
  test('at twice the speed, from twice the cost of a call', () => {
    expect(paysFrom({ wall: 50, costOfMany: 0.01 }, { wall: 100 })).toBeCloseTo(0.02)
  })

  test('never, where it is not faster by more than chance', () => {
    expect(paysFrom({ wall: 98, costOfMany: 1 }, { wall: 100 })).toBeUndefined()
  })
})

describe('progress', () => {
  const screen = (isTTY: boolean): { out: NodeJS.WriteStream, text: () => string } => {
    let text = ''
    return { out: { isTTY, write: (more: string) => { text += more; return true } } as unknown as NodeJS.WriteStream, text: () => text }
  }

  test('without a terminal: one plain line when a step has ended, and now and then in a long one', async () => {
    const clock = new VirtualClock()
    const { out, text } = screen(false)
    const bar = progressOn(out, clock).bar('download', 40)
    for (let done = 0; done < 40; done++) {
      await clock.advance(100)
      bar.advance()
    }
    bar.end()
    expect(text().split('\n').map((line) => line.trim().replace(/ +/g, ' '))).toEqual(['download 26/40 2.60 s', 'download 40/40 4.00 s', ''])
  })

  test('on a terminal: bars that are redrawn in place, and lines that stay above them', async () => {
    const clock = new VirtualClock()
    const { out, text } = screen(true)
    {
      using progress = progressOn(out, clock)
      const bar = progress.bar('download', 2)
      await clock.advance(100)
      bar.advance()
      progress.say('a worker was killed')
      bar.advance()
      bar.end()
    }
    expect(text().split('\u001B[1A').length - 1).toBe(2)
    const last = stripVTControlCharacters(text()).trimEnd().split('\n').at(-1)
    expect(last).toContain(`${'█'.repeat(30)}       2/2`)
  })
})
