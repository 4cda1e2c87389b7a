import { styleText } from 'node:util'
import { formatDuration } from '../../kernel/duration.ts'
import { counted } from '../output.ts'
import { table } from '../terminal/table.ts'
import { sum } from './comparison.ts'
import { type DemoRun, lease } from './run-demo.ts'

/** How many times sooner the queue had done all of it. */
function speedupOf({ rows }: DemoRun): number {
  return sum(rows.map(({ sequential }) => sequential)) / sum(rows.map(({ wall }) => wall))
}

function maxStallOf({ rows }: DemoRun): number {
  return Math.max(...rows.map(({ stall }) => stall))
}

/** Whether nothing went wrong. */
export function isSound({ account, outputsEqual }: DemoRun): boolean {
  return account.lost === 0 && account.acceptedTwice === 0 && account.unwitnessed === 0 && outputsEqual
}

/** The demo's numbers for programs: all times in milliseconds. */
export function jsonReport(run: DemoRun): Record<string, unknown> {
  const { account, rows, places, killing, refused, outputsEqual, cores, took } = run
  return {
    ...account,
    refused,
    outputsEqual,
    speedup: round(speedupOf(run)),
    maxStallMs: round(maxStallOf(run)),
    tookMs: round(took),
    cores,
    node: process.versions.node,
    tasks: rows.map(({ task, jobs, where, wall, cpu, stall, sequential, speedup, equal }) => ({
      task, jobs, where, wallMs: round(wall), cpuMs: round(cpu), stallMs: round(stall),
      oneAfterAnotherMs: round(sequential), speedup: round(speedup), equal
    })),
    places: places.map(({ kind, task, place, calls, wall, cpu, stall, costOfMany, costOfOne, paysFrom }) => ({
      kind, task, place, calls, wallMs: round(wall), cpuMs: round(cpu), stallMs: round(stall),
      costPerCallMs: round(costOfMany), costOfOneMs: round(costOfOne), paysFromMs: paysFrom === undefined ? null : round(paysFrom)
    })),
    ...(killing ? { kill: { ...killing, replacedAfter: round(killing.replacedAfter) } } : {})
  }
}

/** The demo's two tables and what they mean, for a terminal of 100 columns. */
export function textReport(run: DemoRun): string {
  return ['', tasksTable(run), '', placesTable(run), '', ...verdict(run), ''].join('\n')
}

function tasksTable(run: DemoRun): string {
  const { rows } = run
  const lines = rows.map((row) => [
    row.task, row.jobs, row.where, formatDuration(row.wall), formatDuration(row.cpu), formatDuration(row.stall),
    formatDuration(row.sequential), times(row.speedup), yes(row.equal)
  ])
  const all = [
    'all', run.account.jobs, '', formatDuration(sum(rows.map(({ wall }) => wall))), formatDuration(sum(rows.map(({ cpu }) => cpu))),
    formatDuration(maxStallOf(run)), formatDuration(sum(rows.map(({ sequential }) => sequential))), times(speedupOf(run)), yes(run.outputsEqual)
  ].map((cell) => styleText('bold', String(cell)))
  return [
    title('In the queue, and the same work one after another'),
    table(['task', 'jobs', 'ran on', 'wall', 'CPU', 'stall', '1 by 1', 'speed-up', 'same bytes'], [...lines, all]),
    note("stall   the longest time that the caller's event loop stood still"),
    note('1 by 1  plain function calls in a fresh process, each after the one before')
  ].join('\n')
}

function placesTable({ places, cores }: DemoRun): string {
  const lines = places.map(({ task, kind, place, calls, wall, cpu, stall, costOfMany, costOfOne, paysFrom }) => [
    `${calls} × ${task}`, kind, place, formatDuration(wall), formatDuration(cpu), formatDuration(stall), cost(costOfMany), cost(costOfOne),
    place === 'loop' ? '–' : paysFrom === undefined ? 'never' : cost(paysFrom)
  ])
  return [
    title('A task that waits and one that computes, in each place'),
    table(['calls', 'kind', 'place', 'wall', 'CPU', 'stall', 'per call', 'alone', 'pays from'], lines),
    note('per call   what a call costs that does nothing: one of many at once; alone: one at a time'),
    note('pays from  many calls of this run time end there as soon as plain calls: cost · p / (p − 1), where'),
    note(`           p is how many times sooner these did (${counted(cores, 'core')}). What waits overlaps on the loop already.`)
  ].join('\n')
}

function verdict(run: DemoRun): string[] {
  const { account, killing, refused, took, outputsEqual } = run
  const mark = isSound(run) ? styleText('green', '✓') : styleText('red', '✗')
  const lines = [
    `${mark} ${styleText('bold', `${counted(account.jobs, 'job')}, ${account.lost} lost, ${account.acceptedTwice} accepted twice`)}; ${outputsEqual ? 'the same bytes as' : 'OTHER BYTES than'} one after another, at ${times(speedupOf(run))} the speed.`,
    `  The caller's loop never stood still for more than ${formatDuration(maxStallOf(run))}. All of it was measured now, in ${formatDuration(took)}.`
  ]
  if (killing) {
    lines.push(
      `${mark} Worker ${killing.pid} died with ${counted(killing.held, 'job')} in its hands: delivered again when its lease (${lease}) had run out.`,
      `  Begun already, and run again: ${account.runAgain}. Late completions refused: ${refused}. Accepted twice: ${account.acceptedTwice}. Lost: ${account.lost}.`
    )
  }
  lines.push('', note(killing
    ? '  Yours: treadle worker --tasks ./tasks.ts, and in another terminal treadle enqueue TASK ARGS --wait'
    : '  Next: npm start -- --kill kills a worker half-way, with SIGKILL.'))
  return lines
}

function title(text: string): string {
  return styleText('bold', text)
}

function note(text: string): string {
  return styleText('dim', text)
}

function yes(equal: boolean): string {
  return equal ? styleText('green', 'yes') : styleText('red', 'NO')
}

function times(ratio: number): string {
  return `${ratio.toFixed(ratio < 10 ? 1 : 0)}x`
}

function cost(ms: number): string {
  return ms < 1 ? `${(ms * 1_000).toFixed(ms < 0.01 ? 1 : 0)} µs` : formatDuration(ms)
}

function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}
