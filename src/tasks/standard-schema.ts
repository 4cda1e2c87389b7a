/**
 * A schema of any library that keeps to Standard Schema: zod, valibot, arktype and others. What is used of the interface, as
 * standardschema.dev has it and means it to be copied.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    /** For types alone; never there. */
    readonly types?: { readonly input: Input, readonly output: Output } | undefined
  }
}

export type StandardResult<Output> = { readonly value: Output, readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] }

export interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** A schema of a list of arguments. */
export type ArgsSchema = StandardSchema<unknown[], unknown[]>

/** What a schema takes. */
export type SchemaInput<Schema extends ArgsSchema> = NonNullable<Schema['~standard']['types']>['input']

/** What a schema makes of it. */
export type SchemaOutput<Schema extends ArgsSchema> = NonNullable<Schema['~standard']['types']>['output']
