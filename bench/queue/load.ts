import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

/** What every contender is given: the same payload, the same amounts. */
export const payload: string = 'x'.repeat(200)
export const awaited = 20_000
export const concurrent = 64
export const concurrentTotal = 64_000
export const bulk = 1_000
export const bulkTotal = 100_000
export const drained = 40_000
export const backlog = 500_000
export const probes = 1_000

/** A database file of its own, removed with the process. */
export function freshFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'treadle-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'bench.db')
}

/** Milliseconds on a clock that all processes of this machine share. */
export const sharedNow = (): number => Number(process.hrtime.bigint()) / 1e6

/** The share of one core, in percent, that a process uses over ten seconds of idling. Linux only. */
export async function idleShare(pid: number): Promise<number> {
  const ticks = (): number => {
    const [utime, stime] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ').slice(11, 13).map(Number)
    return utime! + stime!
  }
  await wait(2_000) // what starting has left to do
  const before = ticks()
  await wait(10_000)
  const ticksPerSecond = 100
  return ((ticks() - before) / ticksPerSecond / 10) * 100
}

/** A pause between lone jobs, so that each meets an idle worker. */
export const pause = (): Promise<void> => wait(5 + Math.random() * 10)
