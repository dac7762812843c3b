import type { Output } from '../shell/output.js'
import type { Progress } from './display.js'
import { JsonProgress } from './json-progress.js'
import { LiveProgress } from './live-progress.js'
import { PlainProgress } from './plain-progress.js'
import { type ViewSource, Views } from './view.js'

const NONE: Progress = { end: () => undefined }

export interface ProgressOptions {
  readonly json: boolean
  readonly quiet: boolean
  /** Whether there are rows to count. */
  readonly hasRows: boolean
}

/** Begins to show how far a copy is, in the way that suits where it is shown. */
export const showProgress = (output: Output, source: ViewSource, options: ProgressOptions): Progress => {
  if (options.quiet) return NONE
  const views = new Views(source)
  if (options.json) return new JsonProgress(output, views)
  return output.canDraw
    ? new LiveProgress(output, views, options.hasRows)
    : new PlainProgress(output, views, options.hasRows)
}
