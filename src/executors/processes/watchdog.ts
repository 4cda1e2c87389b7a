import { Socket } from 'node:net'
import { workerData } from 'node:worker_threads'
import { systemClock } from '../../kernel/clock.ts'
import { descriptors } from './child-start.ts'
import { killFactor } from './memory-limit.ts'

/** How often it looks at the memory, in milliseconds. */
const lookEvery = 50

// A thread of its own, so that nothing the main thread does can hold it up. The host's end of this line closes when the host is gone.
const lifeline = new Socket({ fd: descriptors.lifeline })
lifeline.on('close', end).on('error', end).resume()
if (typeof workerData === 'number') look(workerData * killFactor)

function look(limit: number): void {
  const held = process.memoryUsage.rss()
  if (held > limit) {
    lifeline.write(String(held))
    end()
  }
  systemClock.after(lookEvery, () => look(limit))
}

function end(): void {
  process.kill(process.pid, 'SIGKILL')
}
