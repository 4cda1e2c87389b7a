import { styleText } from 'node:util'
import { formatDuration } from '../../kernel/duration.ts'
import { table } from '../output.ts'
import { counted, sum } from './comparison.ts'
import type { DemoRun } from './run-demo.ts'

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
  const wall = sum(rows.map((row) => row.wall))
  const sequential = sum(rows.map((row) => row.sequential))
  const cpu = sum(rows.map((row) => row.cpu))
  const lines = rows.map((row) => [
    row.task, row.jobs, row.where, formatDuration(row.wall), formatDuration(row.cpu), formatDuration(row.stall),
    formatDuration(row.sequential), times(row.speedup), row.equal ? 'yes' : 'NO'
  ])
  const all = [
    'all', sum(rows.map(({ jobs }) => jobs)), '', formatDuration(wall), formatDuration(cpu), formatDuration(maxStallOf(run)),
    formatDuration(sequential), times(speedupOf(run)), run.outputsEqual ? 'yes' : 'NO'
  ]
  return [
    title('In the queue, beside the same work one after another'),
    table(['task', 'jobs', 'ran on', 'wall', 'CPU', 'stall', '1 by 1', 'speed-up', 'same bytes'], [...lines, all]),
    note('stall: the longest time that the loop of the caller stood still. 1 by 1: plain function calls in a fresh process.')
  ].join('\n')
}

function placesTable({ places, cores }: DemoRun): string {
  const lines = places.map((run) => [
    `${run.calls} × ${run.task}`, run.kind, run.place, formatDuration(run.wall), formatDuration(run.cpu), formatDuration(run.stall),
    cost(run.costOfMany), cost(run.costOfOne),
    run.place === 'loop' ? '–' : run.paysFrom === undefined ? 'never' : cost(run.paysFrom)
  ])
  return [
    title('One task that waits and one that computes, in each place'),
    table(['task', 'kind', 'place', 'wall', 'CPU', 'stall', 'per call', 'alone', 'pays from'], lines),
    note(`per call: what a call costs that does nothing, among many at once; alone: when each waits for the one before.`),
    note(`pays from: from this run time on, many calls end sooner there than on the loop: cost · p / (p − 1), where p is`),
    note(`how many times sooner these calls did (${counted(cores, 'core')} here). Waiting needs no core: on the loop it is cheapest.`)
  ].join('\n')
}

function verdict(run: DemoRun): string[] {
  const { account, killing, took, outputsEqual } = run
  const good = isSound(run)
  const mark = good ? styleText('green', '✓') : styleText('red', '✗')
  const lines = [
    `${mark} ${styleText('bold', `${account.jobs} jobs, ${account.lost} lost, ${account.acceptedTwice} accepted twice`)}; ` +
    `${times(speedupOf(run))} as fast as one after another, and ${outputsEqual ? 'the same bytes' : 'OTHER BYTES'}; the caller's loop never stood still`,
    `  for more than ${formatDuration(maxStallOf(run))}. Measured in ${formatDuration(took)}.`
  ]
  if (killing) {
    lines.push(
      `${mark} Worker ${killing.pid} was killed with ${counted(killing.held, 'job')} in its hands: run again ${account.runAgain}, each accepted once.`
    )
  }
  lines.push(note(killing
    ? 'Next: write tasks.ts, then treadle worker --tasks ./tasks.ts, and treadle enqueue NAME ARGS --wait'
    : 'Next: npm start -- --kill kills a worker half-way.'))
  return lines
}

function title(text: string): string {
  return styleText('bold', text)
}

function note(text: string): string {
  return styleText('dim', text)
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
