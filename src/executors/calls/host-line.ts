import { parentPort } from 'node:worker_threads'
import { RemoteEnd } from '../../concurrency/remote/remote-end.ts'
import { PortLink, linkEnds } from '../../concurrency/threads/port-link.ts'

let line: RemoteEnd | undefined

/** This thread's line to its host, beside its calls. Made when it is needed: most threads never ask. */
export function hostLine(): RemoteEnd {
  if (line) return line
  const [own, other] = linkEnds()
  parentPort!.postMessage({ line: other }, [other.port])
  return line = new RemoteEnd(new PortLink(own))
}
