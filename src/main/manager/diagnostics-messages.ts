import type { CopyManager } from './copy-manager.js'
import type { CopyMessages } from './diagnostics.js'

/** The messages of each channel of `node:diagnostics_channel`, by the channel's name. */
export type DiagnosticsMessages = CopyMessages<CopyManager>
