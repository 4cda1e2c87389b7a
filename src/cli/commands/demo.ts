import { styleText } from 'node:util'
import { progressOn, silentProgress } from '../demo/progress.ts'
import { isSound, jsonReport, textReport } from '../demo/report.ts'
import { type DemoRun, runDemo } from '../demo/run-demo.ts'
import { toJson } from '../output.ts'

export interface DemoCommandOptions {
  kill?: boolean
  json?: boolean
}

/** Real work on real data through a real worker, and what it cost. Exits with 1 where anything was lost, accepted twice or different. */
export async function demo({ kill = false, json = false }: DemoCommandOptions): Promise<void> {
  const run = await watched(kill, json)
  console.log(json ? toJson(jsonReport(run)) : textReport(run))
  if (!isSound(run)) process.exitCode = 1
}

async function watched(kill: boolean, json: boolean): Promise<DemoRun> {
  using progress = json ? silentProgress : progressOn(process.stdout)
  progress.say(`\n${styleText('bold', 'Treadle')}: downloads, searches, matrices and curve fits, as jobs in a SQLite file\n`)
  return await runDemo({ kill, progress })
}
