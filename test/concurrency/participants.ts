import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { type Listener, listen } from '../../src/concurrency/processes/listen.ts'
import type { Shareable } from '../../src/concurrency/remote/servable.ts'
import { serve } from '../../src/concurrency/threads/serve.ts'

const script = new URL('../fixtures/concurrency/participant.ts', import.meta.url)

/** A thread that does with what is shared what it is told. */
export function thread(does: string, thing: Shareable<number>, more: object = {}): Worker {
  const origin = serve(thing)
  return new Worker(script, { workerData: { does, origin, ...more }, transferList: [origin.port] })
}

/** A process that does. */
export function child(does: string, { address }: Listener, more: object = {}): ChildProcess {
  return fork(fileURLToPath(script), [JSON.stringify({ does, origin: address, ...more })], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
}

/** Threads and processes alike: starts one, ends it at once, and waits for its end. */
export interface Crew extends AsyncDisposable {
  start(does: string, more?: object): Worker | ChildProcess
  kill(one: Worker | ChildProcess): Promise<void>
}

export const crews: Readonly<Record<'threads' | 'processes', (thing: Shareable<number>) => Promise<Crew>>> = {
  async threads(thing) {
    const started: Worker[] = []
    return {
      start(does, more) {
        const one = thread(does, thing, more)
        started.push(one)
        return one
      },
      kill: async (one) => void await (one as Worker).terminate(),
      [Symbol.asyncDispose]: async () => { for (const one of started) await one.terminate() }
    }
  },
  async processes(thing) {
    const listener = await listen(thing)
    const started: ChildProcess[] = []
    const kill = async (one: ChildProcess): Promise<void> => {
      if (one.exitCode !== null || one.signalCode !== null) return
      const ended = once(one, 'exit')
      one.kill('SIGKILL')
      await ended
    }
    return {
      start(does, more) {
        const one = child(does, listener, more)
        started.push(one)
        return one
      },
      kill: async (one) => kill(one as ChildProcess),
      [Symbol.asyncDispose]: async () => {
        for (const one of started) await kill(one)
        await listener.close()
      }
    }
  }
}
