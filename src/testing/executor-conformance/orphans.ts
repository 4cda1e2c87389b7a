import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, type Socket, createServer } from 'node:net'
import { definitionOf } from '../../tasks/task.ts'
import type { Bench, Cases } from './bench.ts'
import { spinOnLine } from './crowd-tasks.ts'

/** A program of its own opens an executor for a call that computes without end, and ends by that signal: the call ends too. */
async function endsWithItsProgram({ module, path, expect }: Bench, signal: NodeJS.Signals): Promise<void> {
  using server = closing(createServer().listen(0, '127.0.0.1'))
  await once(server, 'listening')
  const { name, source } = definitionOf(spinOnLine, 'a case')
  const call = { task: { name, source }, input: { args: [(server.address() as AddressInfo).port] } }
  const program = path('program.mjs')
  writeFileSync(program, `
    import { open } from ${JSON.stringify(module)}
    await open({ concurrency: 1, grace: 500 }).execute({ ...${JSON.stringify(call)}, timeout: Infinity })
  `)
  const parent = spawn(process.execPath, [program], { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = once(parent, 'exit')
  const [line] = await Promise.race([once(server, 'connection'), ended.then(() => { throw new Error('the program ended before its call began') })]) as [Socket]
  line.resume().on('error', () => {}) // it may be cut off
  const closed = new Promise<void>((resolve) => line.once('close', () => resolve()))
  parent.kill(signal)
  expect(await ended).toEqual([null, signal])
  await closed
}

function closing<Server extends { close(): unknown }>(server: Server): Server & Disposable {
  return Object.assign(server, { [Symbol.dispose]: () => void server.close() })
}

export const orphanCases: Cases = {
  'a busy call does not outlive its program that is killed': (bench) => endsWithItsProgram(bench, 'SIGKILL'),
  'a busy call does not outlive its program that is told to end': (bench) => endsWithItsProgram(bench, 'SIGTERM')
}
