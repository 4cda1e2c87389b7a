import { workerData } from 'node:worker_threads'
import { PortLink } from '../../concurrency/threads/port-link.ts'
import { systemClock } from '../../kernel/clock.ts'
import { becomeTaskThread } from '../../tasks/own-thread.ts'
import { cloning } from '../../wire/uncloneable.ts'
import { CallRunner } from '../calls/call-runner.ts'
import { ClaimBoard } from '../calls/claim-board.ts'
import { describe, listenersTo, sayWhoEndsIt } from '../calls/inside.ts'
import { type FromRunner, type ToRunner, other } from '../calls/messages.ts'
import { OutcomeBox } from '../calls/outcome-box.ts'
import type { ThreadStart } from './thread-start.ts'

// What runs inside a thread of the pool, from its start to its end. Elsewhere nothing: a bundler may run it along with the program.
if ((workerData as ThreadStart | null)?.entry === 'thread') {
  becomeTaskThread()
  serve(workerData as ThreadStart)
}

function serve(start: ThreadStart): void {
  const line = new PortLink<FromRunner, ToRunner>(start.line, start.lookout)
  const box = new OutcomeBox(line, cloning, start.recycle, systemClock)
  const runner = new CallRunner(start, new ClaimBoard(start.board), box, systemClock, listenersTo(line, systemClock, start.logs))
  line.listen({
    heard(message) {
      if (message[0] === other) {
        if (message[1].describe) void describe(message[1].describe, box)
        if (message[1].close) return void runner.close().then(() => process.exit())
      }
      runner.receive(message)
    },
    caughtUp: () => runner.run(),
    closed(why) {
      // Calls are lost, and nobody can tell which: the host gives them again to another.
      if (why !== undefined) throw why
    }
  })
  sayWhoEndsIt(box)
  box.flush({ ready: true })
}
