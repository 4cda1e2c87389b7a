import { BackendError, TreadleError } from '../../kernel/errors.ts'

/** What the server says first in an error (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors), or the system's code of a failed connection, and what to do. */
const advice: Readonly<Record<string, string>> = {
  OOM: 'the server has no memory left. Nothing of this call was kept; raise maxmemory, or purge jobs that have ended, and repeat it.',
  READONLY: 'this server is a replica and may not be written. Connect to the primary.',
  LOADING: 'the server is still loading its data from the disk. Repeat the call when it has.',
  MISCONF: 'the server cannot save its data to the disk, and so takes no more. See its log; make room on its disk.',
  NOAUTH: 'the server asks for a password. Put it into the URL: redis://:PASSWORD@HOST.',
  WRONGPASS: 'the server refuses this user and password. Mend the URL.',
  NOPERM: 'this user may not run what is needed: allow it scripts (@scripting), @read, @write and @pubsub on the keys and channels that begin with the prefix.',
  CROSSSLOT: 'this is a Redis Cluster, which is not supported yet. Connect to a single server.',
  MOVED: 'this is a Redis Cluster, which is not supported yet. Connect to a single server.',
  ECONNREFUSED: 'nothing listens there. Start the server, or mend the URL.',
  ENOTFOUND: 'there is no such host. Mend the URL.'
}

/** What a failure of the server, or of the way there, means for the user; an error of ours as it is. */
export function redisError(error: unknown, where: string): unknown {
  if (error instanceof TreadleError) return error
  const { message, code, cause } = error as Error & { code?: string, cause?: { code?: string } }
  const known = advice[/^[A-Z]+/.exec(message)?.[0] ?? ''] ?? advice[code ?? cause?.code ?? '']
  return new BackendError(`${where}: ${known ?? `${message || String(error)}. Whether this call was kept cannot be told; it may be repeated.`}`, { cause: error })
}
