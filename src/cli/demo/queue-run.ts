import type { Client } from '../../client/client.ts'
import type { JobRecord } from '../../client/job-handle.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { Progress } from './progress.ts'
import { StallMeter } from './stall.ts'
import type { Step } from './workload.ts'

/** What one step took in the queue, as its caller saw it; times in milliseconds. */
export interface StepRun {
  readonly step: Step
  /** From the enqueue until the caller had heard of the last end. */
  readonly wall: number
  /** The longest stall of the caller's loop meanwhile. */
  readonly stall: number
  /** The jobs in the order of the calls, each as read right after its end. */
  readonly jobs: readonly JobRecord[]
}

/** Where jobs go: what ends a job early, and what is to happen at each end. */
export interface QueueRunOptions {
  readonly client: Client
  readonly progress: Progress
  readonly onEnd: () => void
}

/** Longer than any demo: a job that has not ended by then never will. */
const patience = '60s'

/** Gives a step's calls to the queue and waits for all of them. */
export async function runInQueue(step: Step, { client, progress, onEnd }: QueueRunOptions): Promise<StepRun> {
  const bar = progress.bar(step.definition.name, step.calls)
  let lastEnd = 0
  const { result, stall } = await new StallMeter().during(async () => {
    const began = systemClock.elapsed()
    const handles = await step.enqueue(client)
    const jobs = await Promise.all(handles.map(async (handle) => {
      await client.end(handle.id, { timeout: patience })
      lastEnd = systemClock.elapsed()
      bar.advance()
      onEnd()
      return handle.read()
    }))
    return { jobs, wall: lastEnd - began }
  })
  bar.end()
  return { step, stall, ...result }
}
