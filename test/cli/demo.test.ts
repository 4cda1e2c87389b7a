import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { root } from '../support/build.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

let folder: ReturnType<typeof temporaryFolder>

beforeEach(() => { folder = temporaryFolder() })
afterEach(() => folder[Symbol.dispose]())

/** Detached, so that it leads a process group of its own: whatever it leaves behind is in there. */
function demo(...flags: string[]): ChildProcess {
  return spawn(process.execPath, [join(root, 'bin/treadle.js'), 'demo', ...flags], {
    detached: true, stdio: ['ignore', 'pipe', 'pipe'],
    // Node's cache of compiled code stays in that folder, and is not the demo's.
    env: { ...process.env, TMPDIR: folder.path, NODE_DISABLE_COMPILE_CACHE: '1' }
  })
}

/** A process that is dead but not yet buried does not count: in some containers nobody buries orphans. */
function anyLeft(group: number): boolean {
  return execFileSync('ps', ['-eo', 'pgid=,stat='], { encoding: 'utf8' }).split('\n')
    .map((line) => line.trim().split(/\s+/))
    .some(([pgid, state]) => Number(pgid) === group && !state!.startsWith('Z'))
}

async function leavesNothing({ pid }: ChildProcess): Promise<void> {
  await expect.poll(() => anyLeft(pid!)).toBe(false)
  // Node keeps what it has compiled, for the next start.
  expect(readdirSync(folder.path).filter((name) => name !== 'node-compile-cache')).toEqual([])
}

interface Reported extends Record<string, unknown> {
  readonly jobs: number
  readonly deliveries: number
  readonly runAgain: number
  readonly speedup: number
  readonly maxStallMs: number
  readonly tasks: readonly { task: string, jobs: number, where: string, wallMs: number, speedup: number, equal: boolean }[]
  readonly places: readonly { kind: string, place: string, wallMs: number, costPerCallMs: number, paysFromMs: number | null }[]
  readonly kill?: { pid: number, replacement: number, held: number, after: number }
}

async function reported(...flags: string[]): Promise<Reported> {
  const child = demo('--json', ...flags)
  const [out, err] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')])
  expect(err).toBe('')
  expect(child.exitCode).toBe(0)
  await leavesNothing(child)
  return JSON.parse(out) as Reported
}

function sound(run: Reported): void {
  expect(run).toMatchObject({ lost: 0, acceptedTwice: 0, unwitnessed: 0, outputsEqual: true })
  expect(run.jobs).toBeGreaterThanOrEqual(40)
  expect(run.speedup).toBeGreaterThan(0)
  expect(run.maxStallMs).toBeGreaterThanOrEqual(0)
  expect(run.tasks.map(({ task }) => task)).toEqual(['download', 'flaky', 'searchText', 'invertMatrix', 'fitCurve'])
  expect(run.tasks.every(({ equal }) => equal)).toBe(true)
  expect(run.tasks.reduce((sum, { jobs }) => sum + jobs, 0)).toBe(run.jobs)
  expect(run.places.map(({ kind, place }) => `${kind} ${place}`)).toEqual(['IO loop', 'IO thread', 'IO queue', 'CPU loop', 'CPU thread', 'CPU queue'])
}

/** Deliveries beyond the first and the two retries of each flaky job. */
function deliveredAgain({ jobs, deliveries, tasks }: Reported): number {
  return deliveries - jobs - 2 * tasks.find(({ task }) => task === 'flaky')!.jobs
}

describe('the demo', () => {
  test('does its work in the queue and again one after another: nothing lost, nothing accepted twice, the same bytes', { timeout: 90_000 }, async () => {
    const run = await reported()
    sound(run)
    expect(run.kill).toBeUndefined()
    expect(deliveredAgain(run)).toBeGreaterThanOrEqual(0)
    expect(run.tasks[0]!.where).toBe('1 loop of 1 worker')
  })

  test('a worker killed half-way loses nothing', { timeout: 90_000 }, async () => {
    const run = await reported('--kill')
    sound(run)
    expect(run.kill!.after).toBeGreaterThanOrEqual(run.jobs / 2)
    expect(run.kill!.replacement).not.toBe(run.kill!.pid)
    // All that the dead worker held was delivered again; on a machine that stalls, other leases may run out too.
    expect(deliveredAgain(run)).toBeGreaterThanOrEqual(run.kill!.held)
    expect(run.runAgain).toBeLessThanOrEqual(deliveredAgain(run))
  })

  test('Ctrl+C ends it with all its processes and files', { timeout: 60_000 }, async () => {
    const child = demo()
    const lines: Buffer[] = []
    for await (const chunk of child.stdout!) {
      lines.push(chunk as Buffer)
      // A terminal sends the signal to the whole group.
      if (String(Buffer.concat(lines)).includes('download ')) process.kill(-child.pid!, 'SIGINT')
    }
    if (child.exitCode === null) await once(child, 'exit')
    expect(child.exitCode).toBe(130)
    await leavesNothing(child)
  })
})
