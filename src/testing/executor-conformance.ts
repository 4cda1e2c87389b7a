import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Executor } from '../executors/executor.ts'
import { aliasingCases } from './executor-conformance/aliasing.ts'
import * as aliasingTasks from './executor-conformance/aliasing-tasks.ts'
import { type Cases, Mark, type OpenOptions, type TestRunner } from './executor-conformance/bench.ts'
import { closingCases } from './executor-conformance/closing.ts'
import { crashCases } from './executor-conformance/crashes.ts'
import * as crowdTasks from './executor-conformance/crowd-tasks.ts'
import { crowdCases, crowdClosingCases, crowdCrashCases } from './executor-conformance/crowds.ts'
import { errorCases } from './executor-conformance/errors.ts'
import { orphanCases } from './executor-conformance/orphans.ts'
import { reportCases } from './executor-conformance/reports.ts'
import * as resourceTasks from './executor-conformance/resource-tasks.ts'
import { resourceCases } from './executor-conformance/resources.ts'
import { stoppingCases } from './executor-conformance/stopping.ts'
import * as tasks from './executor-conformance/tasks.ts'
import { valueCases } from './executor-conformance/values.ts'
import { TaskRegistry } from '../tasks/registry.ts'

export type { OpenOptions, TestRunner } from './executor-conformance/bench.ts'

export interface ExecutorDriver {
  /** The adapter, for the report. */
  readonly name: string
  /** A new executor; the suite closes it. */
  readonly open: (options: OpenOptions) => Executor
  /** The URL of a module that exports `open`, for programs that the suite starts and kills. Without it those cases are skipped. */
  readonly module?: string
  /** Cases, or groups of them, that this adapter cannot pass, by name, each with the reason. */
  readonly skip?: Readonly<Record<string, string>>
}

/** The tasks that the suite runs, for an adapter that is given definitions. */
export const conformanceTasks: TaskRegistry = new TaskRegistry({ ...tasks, ...resourceTasks, ...crowdTasks, ...aliasingTasks })

const groups: Readonly<Record<string, Cases>> = {
  values: valueCases,
  aliasing: aliasingCases,
  errors: errorCases,
  reports: reportCases,
  resources: resourceCases,
  stopping: stoppingCases,
  crowds: crowdCases,
  crashes: { ...crashCases, ...crowdCrashCases },
  orphans: orphanCases,
  closing: { ...closingCases, ...crowdClosingCases }
}

/**
 * The law that every executor keeps, as tests.
 *
 * @param runner of Vitest, or another of its shape: so that this module needs none
 *
 * @example
 * executorConformance({ name: 'threads', open: ({ concurrency, grace }) => new ThreadExecutor({ threads: concurrency, grace }) }, { describe, test, expect })
 */
export function executorConformance({ name, open, module = '', skip = {} }: ExecutorDriver, { describe, test, expect }: TestRunner): void {
  const known = new Set(Object.entries(groups).flatMap(([group, cases]) => [group, ...Object.keys(cases)]))
  for (const skipped of Object.keys(skip)) if (!known.has(skipped)) throw new Error(`the suite has no case '${skipped}'`)
  describe(`${name} passes the executor conformance suite`, () => {
    for (const [group, cases] of Object.entries(groups)) {
      describe(group, () => {
        for (const [title, run] of Object.entries(cases)) {
          const body = async (): Promise<void> => {
            await using opened = new AsyncDisposableStack()
            const folder = opened.adopt(mkdtempSync(join(tmpdir(), 'treadle-case-')), (path) => rmSync(path, { recursive: true }))
            const path = (name: string): string => join(folder, name)
            let marks = 0
            await run({ expect, module, path, mark: () => new Mark(path(`mark-${++marks}`)), open: (options) => opened.adopt(open({ concurrency: 2, grace: 500, ...options }), (executor) => executor.close({ deadline: 0 })) })
          }
          const reason = skip[title] ?? skip[group] ?? (group === 'orphans' && module === '' ? 'the driver names no module' : undefined)
          if (reason === undefined) test(title, body)
          else test.skip(`${title} (${reason})`, body)
        }
      })
    }
  })
}
