import { TreadleError } from '../kernel/errors.ts'

/** What was asked for is not understood, or lacks something. */
export class UsageError extends TreadleError {
  static override readonly className: string = 'UsageError'
  override readonly code: string = 'USAGE'
}

/** The configuration file cannot be read, or holds what is not understood. */
export class ConfigError extends TreadleError {
  static override readonly className: string = 'ConfigError'
  override readonly code: string = 'CONFIG'
}

/** Of these the command line, the environment or the file is to blame, not what happened. */
export const misuses: ReadonlySet<string> = new Set(['USAGE', 'CONFIG', 'INVALID_OPTION'])
