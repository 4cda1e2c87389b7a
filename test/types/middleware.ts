// Checked by the compiler, never run: middleware gives what next gives.
import type { Middleware } from '../../src/index.ts'
import { task } from '../../src/index.ts'

export const passes: Middleware = {
  async enqueue({ job, task: name, args, rules }, next) {
    const known: [string, string, readonly unknown[], number] = [job, name, args, rules.priority]
    if (known.length > 0) await next()
  },
  async run(_, next) {
    return await next()
  }
}
export const sync: Middleware = { run: (_, next) => next() }
// @ts-expect-error what next gave is lost
export const loses: Middleware = { async run(_, next) { await next() } }
// @ts-expect-error another result
export const changes: Middleware = { run: async () => 7 }
// @ts-expect-error arguments are not to be changed
export const alters: Middleware = { async enqueue({ args }, next) { args[0] = 1; await next() } }

export const text: string = task({ name: 'x', middleware: [passes] }, (n: number) => String(n))(1)
