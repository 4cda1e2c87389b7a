import { appendFileSync } from 'node:fs'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type Task, task } from '../../tasks/task.ts'

// What the cases with many calls at once run.

/** Says in a file that it ran, and gives its number back. */
export const note: Task<[path: string, index: number], number> = task({ name: 'conformance.note' }, (path: string, index: number) => {
  appendFileSync(path, `${index}\n`)
  return index
})

/** The same, but ends what runs it if it is told to, at once. */
export const noteOrEnd: Task<[path: string, index: number, how?: 'exit' | 'heap' | NodeJS.Signals], number> = task({ name: 'conformance.noteOrEnd' }, (path: string, index: number, how?: 'exit' | 'heap' | NodeJS.Signals) => {
  if (how === 'exit') process.exit(3)
  if (how === 'heap') for (const all: unknown[] = []; ;) all.push(Array.from({ length: 1_000 }, (_, item) => item))
  if (how) process.kill(process.pid, how)
  appendFileSync(path, `${index}\n`)
  return index
})

const hoard: Uint8Array[] = []

/** Keeps so many bytes for as long as its process lives, and gives the number of that. */
export const keepBytes: Task<[bytes: number], number> = task({ name: 'conformance.keepBytes' }, (bytes: number) => {
  hoard.push(new Uint8Array(bytes).fill(1))
  return process.pid
})

/** Computes without end, and holds a line to its test, which closes when its process is no more. */
export const spinOnLine: Task<[port: number], Promise<never>> = task({ name: 'conformance.spinOnLine' }, async (port: number) => {
  const line = connect(port, '127.0.0.1')
  await once(line, 'connect')
  for (;;);
})
