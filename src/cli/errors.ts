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

/** `treadle init` would overwrite what is there. */
export class FilesExistError extends TreadleError {
  static override readonly className: string = 'FilesExistError'
  override readonly code: string = 'FILES_EXIST'
  constructor(paths: readonly string[]) {
    super(`${paths.join(', ')} ${paths.length === 1 ? 'exists' : 'exist'} already; nothing was written. Name another folder, or overwrite with --force.`)
  }
}

/** The health endpoint cannot be where it was to be. */
export class HealthPortError extends TreadleError {
  static override readonly className: string = 'HealthPortError'
  override readonly code: string = 'HEALTH_PORT'
  constructor(where: string, why: string, options?: ErrorOptions) {
    super(`The health endpoint cannot listen on ${where}: ${why}. Name another with --health-port or --health-host (0 picks a free port).`, options)
  }
}

/** Of these the command line, the environment or the file is to blame, not what happened. */
export const misuses: ReadonlySet<string> = new Set(['USAGE', 'CONFIG', 'INVALID_OPTION'])
