import type { CopyManager } from './copy-manager.js'
import type { Messages } from './diagnostics.js'

/** The messages of each channel of `node:diagnostics_channel`, by the channel's name. */
export type DiagnosticsMessages = Messages<CopyManager>
