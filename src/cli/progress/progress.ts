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
  /** Whether the source counts rows; a file gives bytes only. */
  readonly hasRows: boolean
}

/** Starts the display that suits the output: JSON, live lines, plain lines or none. */
export const showProgress = (output: Output, source: ViewSource, options: ProgressOptions): Progress => {
  if (options.quiet) return NONE
  const views = new Views(source)
  if (options.json) return new JsonProgress(output, views)
  return output.canDraw
    ? new LiveProgress(output, views, options.hasRows)
    : new PlainProgress(output, views, options.hasRows)
}
