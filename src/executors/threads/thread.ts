import { availableParallelism } from 'node:os'
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../kernel/clock.ts'
import { becomeTaskThread } from '../../tasks/own-thread.ts'
import { cloning } from '../../wire/uncloneable.ts'
import { describe, listenersTo, sayWhoEndsIt } from '../calls/inside.ts'
import { CallRunner } from '../calls/call-runner.ts'
import { ClaimBoard } from '../calls/claim-board.ts'
import type { ToRunner } from '../calls/messages.ts'
import { type Outlet, OutcomeBox } from '../calls/outcome-box.ts'
import type { ThreadStart } from './thread-start.ts'

/**
 * How long a thread that has run dry looks out for the next message before it sleeps, in milliseconds: waking it would cost
 * about as much. On a single core it would only keep the host from writing that message.
 */
const lookout = availableParallelism() > 1 ? 0.05 : 0

/** After this long its own event loop has its turn in any case, in milliseconds. */
const longestLookout = 1

// What runs inside a thread of the pool, from its start to its end. Elsewhere nothing: a bundler may run it along with the program.
if (parentPort && (workerData as ThreadStart | null)?.entry === 'thread') {
  becomeTaskThread()
  serve(parentPort, workerData as ThreadStart)
}

function serve(port: MessagePort, start: ThreadStart): void {
  const board = new ClaimBoard(start.board)
  const outlet: Outlet = { rules: cloning, post: (message, transfer) => port.postMessage(message, transfer) }
  const box = new OutcomeBox(outlet, systemClock)
  const runner = new CallRunner(start, board, box, systemClock, listenersTo(outlet, systemClock, start.logs))
  const receive = (message: ToRunner): void => {
    if (message.describe) void describe(message.describe, box)
    if (message.close) return void runner.close().then(() => process.exit())
    runner.receive(message)
  }
  let posts = 0
  port.on('message', (message: ToRunner) => {
    receive(message)
    posts++
    if (start.concurrency > 1 || lookout === 0) return
    const end = systemClock.elapsed() + longestLookout
    let until = systemClock.elapsed() + lookout
    while (runner.idle && systemClock.elapsed() < Math.min(until, end)) {
      if (board.posts === (posts | 0)) continue
      const next: { message: ToRunner } | undefined = receiveMessageOnPort(port)
      if (!next) continue
      posts++
      receive(next.message)
      until = systemClock.elapsed() + lookout
    }
  })
  // Calls are lost, and nobody can tell which: the host gives them again to another.
  port.on('messageerror', (error) => { throw error })
  sayWhoEndsIt(box)
  box.flush({ ready: true })
}
