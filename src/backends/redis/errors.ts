import { ClientClosedError, ClientOfflineError, DisconnectsClientError, ErrorReply, SocketClosedUnexpectedlyError } from '@redis/client'
import { BackendError, TreadleError } from '../../kernel/errors.ts'

const untrusted = "the server's certificate is signed by nobody whom this program trusts. Start it with NODE_EXTRA_CA_CERTS=ca.pem, the certificate of who signed it."

/** What the server says first in an error (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors), or the system's code of a failed connection, and what to do. */
const advice: Readonly<Record<string, string>> = {
  OOM: 'the server has no memory left. Nothing of this call was kept; raise maxmemory, or purge jobs that have ended, and repeat it.',
  READONLY: 'this server is a replica and may not be written. Nothing of this call was kept; connect to the primary, or make this one it: REPLICAOF NO ONE.',
  LOADING: 'the server is still loading its data from the disk. Nothing of this call was kept; repeat it when that is done.',
  BUSY: 'a script keeps the server busy. Nothing of this call was kept; see what else uses this server.',
  MISCONF: 'the server cannot save its data to the disk, and so takes no more. See its log; make room on its disk.',
  NOAUTH: 'the server asks for a password. Put it into the URL: redis://:PASSWORD@HOST.',
  WRONGPASS: 'the server refuses this user and password. Mend the URL.',
  NOPERM: 'this user may not run what is needed. Allow it, with the prefix in use for treadle: ACL SETUSER NAME ~treadle:* &treadle:* +@read +@write +@scripting +@pubsub +@connection +time -@dangerous.',
  CROSSSLOT: 'this is a Redis Cluster, which is not supported yet. Connect to a single server.',
  MOVED: 'this is a Redis Cluster, which is not supported yet. Connect to a single server.',
  ECONNREFUSED: 'nothing listens there. Start the server, or mend the URL.',
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  CERT_HAS_EXPIRED: "the server's certificate has expired. Renew it.",
  ERR_TLS_CERT_ALTNAME_INVALID: "the server's certificate is for another host. Name in the URL the host that the certificate names.",
  ENOTFOUND: 'there is no such host. Mend the URL.'
}

/**
 * What a failure of the server, or of the way there, means for the user; an error of ours as it is.
 *
 * @param otherwise what to say besides, where that is not known
 */
export function redisError(error: unknown, where: string, otherwise = ''): unknown {
  if (error instanceof TreadleError) return error
  const { message, code, cause } = error as Error & { code?: string, cause?: { code?: string } }
  const known = advice[firstWord(error)] ?? advice[code ?? cause?.code ?? '']
  return new BackendError(`${where}: ${known ?? `${happened(error, message || String(error))}. ${otherwise}`.trim()}`, { cause: error })
}

function happened(error: unknown, message: string): string {
  if (error instanceof ErrorReply) return message
  if (error instanceof DisconnectsClientError) return 'no answer came, and the connection was given up'
  return message.startsWith('Unknown RESP type') ? 'what answers there is not Redis' : `the connection broke (${message})`
}

/** The call did nothing, and will once the server is ready, or another connection is. */
export function hasNotBegun(error: unknown): boolean {
  return ['LOADING', 'BUSY'].includes(firstWord(error)) || error instanceof ClientOfflineError || error instanceof ClientClosedError
}

/** Nobody listens there, or who does has hung up. */
export function isAbsent(error: unknown): boolean {
  return error instanceof SocketClosedUnexpectedlyError || ['ECONNREFUSED', 'ECONNRESET'].includes((error as { code?: string }).code ?? '')
}

export function isReplica(error: unknown): boolean {
  return firstWord(error) === 'READONLY'
}

/** The user lacks the right, or the command has been renamed. */
export function mayNotAsk(error: unknown): boolean {
  return firstWord(error) === 'NOPERM' || (error instanceof ErrorReply && error.message.startsWith('ERR unknown command'))
}

/** What `redisError` made of the loss of a connection: there will be another one, unlike an end to what the server refuses. */
export function mayPass(error: unknown): boolean {
  return error instanceof BackendError && (!(error.cause instanceof ErrorReply) || hasNotBegun(error.cause))
}

/** Of what the server says; within a script Redis 7 and Valkey name the lack of a right by a sentence. */
function firstWord(error: unknown): string {
  if (!(error instanceof ErrorReply)) return ''
  return /^ERR (The user executing the script|ACL failure in script)/.test(error.message) ? 'NOPERM' : /^[A-Z]+/.exec(error.message)?.[0] ?? ''
}
