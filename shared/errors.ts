/**
 * Named problems: what went wrong, its HTTP status, and a sentence that says what to do.
 * Thrown by the place that knows; server/middleware/problems.ts turns them into JSON:API errors or pages.
 */
export const problems = {
  not_found: { status: 404, title: 'not found', detail: 'Resource not found, or you may not see it.' },
  unauthorized: { status: 401, title: 'unauthorized', detail: 'A valid API token is needed.' },
  forbidden: { status: 403, title: 'forbidden', detail: 'You may see this but not do that.' },
  bad_request: { status: 400, title: 'bad request', detail: 'The request cannot be read.' },
  invalid_include: { status: 400, title: 'Invalid include parameter', detail: 'Invalid include parameter' },
  invalid_attribute: {
    status: 422,
    title: 'invalid attribute',
    detail: 'An attribute has a value that cannot be used.',
  },
  conflict: { status: 409, title: 'conflict', detail: 'That conflicts with the present state.' },
  transition_not_allowed: {
    status: 409,
    title: 'transition not allowed',
    detail: 'The run is not in a status that allows this.',
  },
  workspace_locked: { status: 409, title: 'workspace already locked', detail: 'The workspace is already locked.' },
  workspace_not_locked: { status: 409, title: 'workspace not locked', detail: 'The workspace is already unlocked.' },
  too_large: { status: 413, title: 'too large', detail: 'The upload is larger than this server accepts.' },
  unsupported_media_type: {
    status: 415,
    title: 'unsupported media type',
    detail: 'That content type is not accepted here.',
  },
  too_many_requests: { status: 429, title: 'too many requests', detail: 'Wait before the next request.' },
  gone: { status: 410, title: 'gone', detail: 'This is no longer available.' },
  unavailable: { status: 503, title: 'unavailable', detail: 'The database does not answer; try again.' },
  internal: { status: 500, title: 'internal server error', detail: 'Something failed that should not.' },
  corrupt: {
    status: 500,
    title: 'stored data is damaged',
    detail: 'The stored bytes fail their check and are not served.',
  },
} as const

export type ProblemName = keyof typeof problems

export interface ProblemOptions {
  detail?: string
  title?: string
  /** JSON pointer into the request body, for example /data/attributes/name. */
  pointer?: string
  cause?: unknown
}

export class Problem extends Error {
  readonly problem: ProblemName
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly pointer: string | undefined
  /** More problems of the same request: one error object each. */
  readonly more: Problem[] = []

  constructor(name: ProblemName, options: ProblemOptions = {}) {
    super(options.detail ?? problems[name].detail, { cause: options.cause })
    this.problem = name
    this.status = problems[name].status
    this.title = options.title ?? problems[name].title
    this.detail = options.detail ?? problems[name].detail
    this.pointer = options.pointer
  }
}

export const problem = (name: ProblemName, options?: ProblemOptions | string): Problem =>
  new Problem(name, typeof options === 'string' ? { detail: options } : options)

/** A 422 for one attribute, with its pointer. `attribute` is the kebab-case JSON:API name. */
export const invalid = (attribute: string, detail: string): Problem =>
  new Problem('invalid_attribute', { detail, pointer: `/data/attributes/${attribute}` })
